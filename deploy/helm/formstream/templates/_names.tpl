{{- /* The release's name for what it makes. At most 37 characters: the CronJob's name may have 52. */}}
{{- define "formstream.name" -}}
{{- $name := .Release.Name }}
{{- if not (contains "formstream" $name) }}{{ $name = printf "%s-formstream" $name }}{{ end }}
{{- $name | trunc 37 | trimSuffix "-" }}
{{- end }}

{{- /* Labels by which a service's pods are found; they can never change. Takes root and service. */}}
{{- define "formstream.selector" -}}
app.kubernetes.io/name: {{ .service }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- end }}

{{- /* All labels of an object. Takes root and service. */}}
{{- define "formstream.labels" -}}
{{ include "formstream.selector" . }}
app.kubernetes.io/part-of: formstream
app.kubernetes.io/version: {{ .root.Values.image.tag | default .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "formstream.formsConfigMap" -}}
{{ .Values.formsConfigMap | default (printf "%s-forms" (include "formstream.name" .)) }}
{{- end }}

{{- /*
The services that this release runs: each one's part of the values, what it uses (_parts.tpl), and whether it serves HTTP
beside its admin port.
*/}}
{{- define "formstream.services" -}}
form-api: {values: formApi, parts: [http, forms, kafka, redis, receipts], http: true}
sheets-consumer: {values: sheetsConsumer, parts: [forms, kafka, redis]}
sheets-flusher: {values: sheetsFlusher, parts: [forms, kafka, redis, sheets]}
{{- if .Values.demoConsumer.enabled }}
demo-consumer: {values: demoConsumer, parts: [forms, kafka]}
{{- end }}
{{- if .Values.sheetsEmulator.enabled }}
sheets-emulator: {values: sheetsEmulator, parts: [http, emulator], http: true}
{{- end }}
{{- end }}
