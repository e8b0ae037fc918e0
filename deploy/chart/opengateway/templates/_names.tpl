{{- define "opengateway.name" -}}
{{- printf "%s" .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- define "opengateway.selector" -}}
app.kubernetes.io/name: opengateway
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}
{{- define "opengateway.labels" -}}
{{ include "opengateway.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}
{{- define "opengateway.members" -}}
{{- if .Values.autoscaling.enabled -}}{{ .Values.autoscaling.minReplicas }}{{- else -}}{{ .Values.replicas }}{{- end -}}
{{- end -}}
{{- define "opengateway.check" -}}
{{- if gt (int (include "opengateway.members" .)) 1 -}}
{{- $parts := .Values.zone.components | default dict -}}
{{- if ne (dig "control_store" "use" "sqlite" $parts) "postgres" -}}
{{- fail "more than one replica needs zone.components.control_store: {use: postgres, ...}" -}}
{{- end -}}
{{- if ne (dig "shared_state" "use" "memory" $parts) "valkey" -}}
{{- fail "more than one replica needs zone.components.shared_state: {use: valkey, ...}" -}}
{{- end -}}
{{- if not .Values.secretsFrom -}}
{{- fail "more than one replica needs secretsFrom: every member must read the same secrets" -}}
{{- end -}}
{{- end -}}
{{- end -}}
