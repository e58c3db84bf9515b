{{/* `text`, cut to `limit` characters; what is cut stays unique by a hash. */}}
{{- define "kwp.short" -}}
{{- if le (len .text) (int .limit) -}}
{{- .text -}}
{{- else -}}
{{- printf "%s-%s" (trunc (sub (int .limit) 9 | int) .text | trimSuffix "-") (sha256sum .text | trunc 8) -}}
{{- end -}}
{{- end -}}

{{/* The beginning of all names, not cut yet. */}}
{{- define "kwp.beginning" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride -}}
{{- else if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | replace "." "-" -}}
{{- else -}}
{{- printf "%s-%s" (.Release.Name | replace "." "-") .Chart.Name -}}
{{- end -}}
{{- end -}}

{{/* The name of what belongs to the release as a whole, with `suffix`. */}}
{{- define "kwp.name" -}}
{{- include "kwp.short" (dict "limit" 63 "text" (printf "%s%s" (include "kwp.beginning" .root) .suffix)) -}}
{{- end -}}

{{/* The name of what belongs to the destination `key`: short enough for suffixes of ten characters. */}}
{{- define "kwp.destinationName" -}}
{{- include "kwp.short" (dict "limit" 53 "text" (printf "%s-%s" (include "kwp.beginning" .root) .key)) -}}
{{- end -}}

{{- define "kwp.serviceAccountName" -}}
{{- if .Values.serviceAccount.name -}}
{{- .Values.serviceAccount.name -}}
{{- else if .Values.serviceAccount.create -}}
{{- include "kwp.name" (dict "root" . "suffix" "") -}}
{{- else -}}
default
{{- end -}}
{{- end -}}

{{/* What tells everything of a destination from the rest; never changes in its life. */}}
{{- define "kwp.identity" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .key }}
{{- end -}}

{{/* The same for its processors, and not for its test. */}}
{{- define "kwp.selector" -}}
{{ include "kwp.identity" . }}
kafka-webhook-processor/role: processor
{{- end -}}

{{/* The labels that every object has. */}}
{{- define "kwp.commonLabels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: {{ .Chart.Name }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Metadata of an object: `root`, `name`, and where they apply `key`, `labels`, `annotations`. */}}
{{- define "kwp.metadata" -}}
{{- $labels := include "kwp.commonLabels" .root | fromYaml -}}
{{- if .key -}}
{{- $labels = merge (include "kwp.identity" . | fromYaml) $labels -}}
{{- else -}}
{{- $labels = merge (dict "app.kubernetes.io/name" .root.Chart.Name "app.kubernetes.io/instance" .root.Release.Name) $labels -}}
{{- end -}}
name: {{ .name }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- merge $labels (.labels | default dict) | toYaml | nindent 2 }}
{{- with merge (dict) (.annotations | default dict) .root.Values.commonAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}
