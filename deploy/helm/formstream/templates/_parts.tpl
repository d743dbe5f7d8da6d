{{- /*
A part is something that several services use. Each gives, as YAML: "settings" for the -config file, and the volumes that
they name: "volumes", name: {path, source}. All take the root.
*/}}

{{- define "formstream.part.http" -}}
settings:
  http: :3000
{{- end }}

{{- define "formstream.part.forms" -}}
settings:
  forms: /forms
volumes:
  forms: {path: /forms, source: {configMap: {name: {{ include "formstream.formsConfigMap" . }}}}}
{{- end }}

{{- define "formstream.part.kafka" -}}
settings:
  brokers: {{ .Values.kafka.brokers | toJson }}
  {{- include "formstream.tls" (dict "server" "kafka" "tls" .Values.kafka.tls) | nindent 2 }}
  {{- with .Values.kafka.sasl }}
  {{- if .mechanism }}
  kafka-sasl-mechanism: {{ .mechanism }}
  kafka-sasl-user: {{ .user | quote }}
  kafka-sasl-password-file: /run/secrets/kafka/{{ .key }}
  {{- end }}
  {{- end }}
volumes:
  {{- with .Values.kafka.sasl }}
  {{- if .mechanism }}
  kafka-password: {path: /run/secrets/kafka, source: {secret: {{ include "formstream.secret" . }}}}
  {{- end }}
  {{- end }}
  {{- with .Values.kafka.tls.secret }}
  kafka-tls: {path: /run/secrets/kafka-tls, source: {secret: {secretName: {{ . }}, defaultMode: 0440}}}
  {{- end }}
{{- end }}

{{- define "formstream.part.redis" -}}
settings:
  redis: {{ .Values.redis.addresses | toJson }}
  redis-sentinel-master: {{ .Values.redis.sentinelMaster | quote }}
  redis-user: {{ .Values.redis.user | quote }}
  {{- include "formstream.tls" (dict "server" "redis" "tls" .Values.redis.tls) | nindent 2 }}
  {{- if .Values.redis.secret }}
  redis-password-file: /run/secrets/redis/{{ .Values.redis.key }}
  {{- end }}
volumes:
  {{- if .Values.redis.secret }}
  redis-password: {path: /run/secrets/redis, source: {secret: {{ include "formstream.secret" .Values.redis }}}}
  {{- end }}
  {{- with .Values.redis.tls.secret }}
  redis-tls: {path: /run/secrets/redis-tls, source: {secret: {secretName: {{ . }}, defaultMode: 0440}}}
  {{- end }}
{{- end }}

{{- define "formstream.part.receipts" -}}
settings:
  receipt-key-file: /run/secrets/receipts/{{ .Values.receiptKey.key }}
volumes:
  receipt-key: {path: /run/secrets/receipts, source: {secret: {{ include "formstream.secret" .Values.receiptKey }}}}
{{- end }}

{{- define "formstream.part.sheets" -}}
settings:
  {{- if .Values.sheetsEmulator.enabled }}
  endpoint: http://{{ include "formstream.name" . }}-sheets-emulator:3000
  {{- else if .Values.google.secret }}
  credentials: /run/secrets/google/{{ .Values.google.key }}
  {{- end }}
volumes:
  {{- if and .Values.google.secret (not .Values.sheetsEmulator.enabled) }}
  google-credentials: {path: /run/secrets/google, source: {secret: {{ include "formstream.secret" .Values.google }}}}
  {{- end }}
{{- end }}

{{- define "formstream.part.emulator" -}}
settings:
  data: /data
  create: {{ .Values.sheetsEmulator.create | toJson }}
volumes:
  {{- if .Values.sheetsEmulator.storage }}
  data: {path: /data, writable: true, source: {persistentVolumeClaim: {claimName: {{ include "formstream.name" . }}-sheets-emulator}}}
  {{- else }}
  data: {path: /data, writable: true, source: {emptyDir: {sizeLimit: 1Gi}}}
  {{- end }}
{{- end }}

{{- /* One key of a Secret as a volume's source. Takes secret and key. */}}
{{- define "formstream.secret" -}}
{secretName: {{ .secret }}, defaultMode: 0440, items: [{key: {{ .key }}, path: {{ .key }}}]}
{{- end }}

{{- /* TLS settings of a server's clients. Takes server and tls. */}}
{{- define "formstream.tls" -}}
{{ .server }}-tls: {{ .tls.enabled }}
{{- if .tls.secret }}
{{ .server }}-tls-ca: /run/secrets/{{ .server }}-tls/ca.crt
{{- if .tls.clientCertificate }}
{{ .server }}-tls-cert: /run/secrets/{{ .server }}-tls/tls.crt
{{ .server }}-tls-key: /run/secrets/{{ .server }}-tls/tls.key
{{- end }}
{{- end }}
{{- end }}

{{- /*
What a service is given: "settings", those of its parts over its own in the values over those for all; and its parts'
"volumes". Takes root and service. (Sprig's merge would pass over false, 0 and "".)
*/}}
{{- define "formstream.parts" -}}
{{- $service := index (include "formstream.services" .root | fromYaml) .service }}
{{- $shutdown := .root.Values.shutdown }}
{{- $own := dict "admin" ":9100" "shutdown-timeout" (printf "%ds" (int $shutdown.timeoutSeconds)) }}
{{- if ne .service "sheets-flusher" }}
{{- $_ := set $own "shutdown-delay" (printf "%ds" (int $shutdown.delaySeconds)) }}
{{- end }}
{{- $layers := list .root.Values.settings (index .root.Values $service.values).settings $own }}
{{- $volumes := dict }}
{{- range $service.parts }}
{{- $part := include (printf "formstream.part.%s" .) $.root | fromYaml }}
{{- if $part.Error }}{{ fail $part.Error }}{{ end }}
{{- $layers = append $layers ($part.settings | default dict) }}
{{- range $name, $volume := $part.volumes | default dict }}{{ $_ := set $volumes $name $volume }}{{ end }}
{{- end }}
{{- $settings := dict }}
{{- range $layers }}{{ range $key, $value := . }}{{ $_ := set $settings $key $value }}{{ end }}{{ end }}
{{- dict "settings" $settings "volumes" $volumes | toYaml }}
{{- end }}

{{- /* The -config file of a service. JSON is YAML, and prints large numbers as they are. Takes root and service. */}}
{{- define "formstream.config" -}}
{{- range $key, $value := (include "formstream.parts" . | fromYaml).settings }}
{{ $key }}: {{ toJson $value }}
{{- end }}
{{- end }}
