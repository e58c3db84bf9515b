{{/* The parts of a pod that the processors and the test share; each gets `root` and `d`. */}}

{{- define "kwp.image" -}}
{{- with .d.image -}}
{{- .repository -}}
{{- if .digest -}}@{{ .digest }}{{- else -}}:{{ .tag | default $.root.Chart.AppVersion }}{{- end -}}
{{- end -}}
{{- end -}}

{{/* What the container runs in, under `image`. */}}
{{- define "kwp.container" -}}
image: {{ include "kwp.image" . | quote }}
imagePullPolicy: {{ .d.image.pullPolicy }}
securityContext:
  {{- toYaml .d.securityContext | nindent 2 }}
resources:
  {{- include "kwp.resources" .d | nindent 2 }}
env:
  {{- toYaml .d.env | nindent 2 }}
{{- with .d.extraEnvFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
volumeMounts:
  - name: config
    mountPath: /etc/webhook-processor/config
    readOnly: true
  {{- if .d.files }}
  - name: secrets
    mountPath: /etc/webhook-processor/secrets
    readOnly: true
  {{- end }}
  {{- with .d.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{/* Who the pod is, where it may run, and its volumes. */}}
{{- define "kwp.pod" -}}
serviceAccountName: {{ include "kwp.serviceAccountName" .root }}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  {{- toYaml .d.podSecurityContext | nindent 2 }}
{{- with .d.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .d.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .d.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .d.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .d.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
volumes:
  - name: config
    configMap:
      name: {{ .d.name }}-settings
  {{- if .d.files }}
  - name: secrets
    projected:
      defaultMode: 0440
      sources:
        {{- range .d.files }}
        - secret:
            name: {{ .secret }}
            items:
              - key: {{ .item | quote }}
                path: {{ .path | quote }}
        {{- end }}
  {{- end }}
  {{- with .d.extraVolumes }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{/* The Job that sends dead letters again: `root`, `key`, `d` and its `labels`. */}}
{{- define "kwp.lettersJob" -}}
{{- with .d.letters -}}
backoffLimit: {{ .backoffLimit | int }}
{{- with .activeDeadlineSeconds }}
activeDeadlineSeconds: {{ . | int }}
{{- end }}
{{- with .ttlSecondsAfterFinished }}
ttlSecondsAfterFinished: {{ . | int }}
{{- end }}
template:
  metadata:
    labels:
      {{- merge (include "kwp.identity" $ | fromYaml) $.labels $.d.podLabels $.root.Values.commonLabels | toYaml | nindent 6 }}
    {{- with merge (dict) $.d.podAnnotations $.root.Values.commonAnnotations }}
    annotations:
      {{- toYaml . | nindent 6 }}
    {{- end }}
  spec:
    {{- include "kwp.pod" (dict "root" $.root "d" $.d) | nindent 4 }}
    terminationGracePeriodSeconds: {{ $.d.grace | int }}
    restartPolicy: Never
    containers:
      - name: letters
        args:
          {{- concat (list "letters" "redeliver") .args | toYaml | nindent 10 }}
        {{- include "kwp.container" (dict "root" $.root "d" $.d) | nindent 8 }}
{{- end -}}
{{- end -}}
