{{- /* Everything that is missing, in one message. What is merely misspelt, values.schema.json has refused before. */}}
{{- define "formstream.check" -}}
{{- $wrong := list }}
{{- if not .Values.kafka.brokers }}
{{- $wrong = append $wrong "kafka.brokers is empty: give the addresses of your Kafka, such as --set kafka.brokers='{kafka:9092}'" }}
{{- end }}
{{- if not .Values.redis.addresses }}
{{- $wrong = append $wrong "redis.addresses is empty: give the address of your Redis, such as --set redis.addresses='{redis:6379}'" }}
{{- end }}
{{- if not .Values.receiptKey.secret }}
{{- $wrong = append $wrong (printf "receiptKey.secret is empty: make one with: kubectl create secret generic formstream-receipts --namespace %s --from-literal=%s=$(openssl rand -hex 32), and give --set receiptKey.secret=formstream-receipts" .Release.Namespace .Values.receiptKey.key) }}
{{- end }}
{{- if and (not .Values.forms) (not .Values.formsConfigMap) }}
{{- $wrong = append $wrong "forms is empty: give at least one definition, such as --set-file forms.demo-form=forms/demo-form.yaml" }}
{{- end }}
{{- if and .Values.forms .Values.formsConfigMap }}
{{- $wrong = append $wrong "forms and formsConfigMap are both given: keep one" }}
{{- end }}
{{- range $name, $text := .Values.forms }}
{{- if not (fromYaml $text).id }}
{{- $wrong = append $wrong (printf "forms.%s has no id: it must be the text of a form definition; give the file with --set-file" $name) }}
{{- end }}
{{- end }}
{{- if not (or .Values.google.secret .Values.google.applicationDefault .Values.sheetsEmulator.enabled) }}
{{- $wrong = append $wrong "nowhere to write to: give google.secret (a Secret with the service account's key file), google.applicationDefault=true, or sheetsEmulator.enabled=true for a trial" }}
{{- end }}
{{- if and .Values.ingress.enabled (not .Values.ingress.host) }}
{{- $wrong = append $wrong "ingress.host is empty: give the name that submitters reach the forms by" }}
{{- end }}
{{- with .Values.kafka.sasl }}
{{- if and .mechanism (not (and .user .secret)) }}
{{- $wrong = append $wrong "kafka.sasl.mechanism needs kafka.sasl.user and kafka.sasl.secret" }}
{{- end }}
{{- end }}
{{- if and .Values.redis.user (not .Values.redis.secret) }}
{{- $wrong = append $wrong "redis.user needs redis.secret: a Secret with the password" }}
{{- end }}
{{- range $server := list "kafka" "redis" }}
{{- $tls := (index $.Values $server).tls }}
{{- if and $tls.secret (not $tls.enabled) }}
{{- $wrong = append $wrong (printf "%s.tls.secret is given and %s.tls.enabled is false: set it to true, or leave the Secret out" $server $server) }}
{{- end }}
{{- if and $tls.clientCertificate (not $tls.secret) }}
{{- $wrong = append $wrong (printf "%s.tls.clientCertificate needs %s.tls.secret: a Secret with tls.crt, tls.key and ca.crt" $server $server) }}
{{- end }}
{{- end }}
{{- if $wrong }}
{{- fail (printf "\nThe values are wrong in %d places:\n  %s" (len $wrong) (join "\n  " $wrong)) }}
{{- end }}
{{- end }}
