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
