{{- /*
The pod of a service. Takes root and service. Restricted as the Pod Security Standard of that name asks; the program writes
nowhere but to its volumes and needs nothing of the cluster's API.
*/}}
{{- define "formstream.pod" -}}
{{- $service := index (include "formstream.services" .root | fromYaml) .service }}
{{- $values := index .root.Values $service.values }}
{{- $volumes := (include "formstream.parts" . | fromYaml).volumes }}
{{- $once := eq .service "sheets-flusher" }}
metadata:
  labels:
    {{- include "formstream.selector" . | nindent 4 }}
  annotations:
    # What is read at start only: a change of it starts new pods.
    checksum/config: {{ include "formstream.config" . | sha256sum }}
    {{- if has "forms" $service.parts }}
    checksum/forms: {{ .root.Values.forms | toJson | sha256sum }}
    {{- end }}
spec:
  serviceAccountName: {{ include "formstream.name" .root }}
  automountServiceAccountToken: false
  enableServiceLinks: false # their variables would begin with FORMSTREAM_ in a release of that name
  {{- with .root.Values.image.pullSecrets }}
  imagePullSecrets:
    {{- range . }}
    - name: {{ . }}
    {{- end }}
  {{- end }}
  {{- if $once }}
  restartPolicy: Never
  {{- else }}
  topologySpreadConstraints:
    - maxSkew: 1
      topologyKey: kubernetes.io/hostname
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "formstream.selector" . | nindent 10 }}
  {{- end }}
  # The services' own time-outs, and what they take beyond them.
  terminationGracePeriodSeconds: {{ add .root.Values.shutdown.delaySeconds .root.Values.shutdown.timeoutSeconds 10 }}
  securityContext:
    runAsNonRoot: true
    runAsUser: 65532
    runAsGroup: 65532
    fsGroup: 65532
    seccompProfile:
      type: RuntimeDefault
  containers:
    - name: {{ .service }}
      {{- with .root.Values.image }}
      image: {{ printf "%s/%s:%s" .repository $.service (.tag | default $.root.Chart.AppVersion) | printf "%s%s" (empty .registry | ternary "" (printf "%s/" .registry)) }}
      imagePullPolicy: {{ .pullPolicy }}
      {{- end }}
      env:
        - name: FORMSTREAM_CONFIG
          value: /etc/formstream/{{ .service }}.yaml
        {{- range $name, $value := .root.Values.env }}
        - name: {{ $name }}
          value: {{ $value | quote }}
        {{- end }}
      {{- if not $once }}
      ports:
        {{- if $service.http }}
        - name: http
          containerPort: 3000
        {{- end }}
        - name: admin
          containerPort: 9100
      # Readiness follows what the service needs; liveness nothing, since a restart repairs no broker.
      livenessProbe:
        httpGet: {path: /livez, port: admin}
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 6
      readinessProbe:
        httpGet: {path: /readyz, port: admin}
        periodSeconds: 5
        timeoutSeconds: 5
        failureThreshold: 2
      {{- end }}
      resources:
        {{- toYaml $values.resources | nindent 8 }}
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities:
          drop: [ALL]
      volumeMounts:
        - name: config
          mountPath: /etc/formstream
          readOnly: true
        {{- range $name, $volume := $volumes }}
        - name: {{ $name }}
          mountPath: {{ $volume.path }}
          readOnly: {{ not $volume.writable }}
        {{- end }}
  volumes:
    - name: config
      configMap:
        name: {{ include "formstream.name" .root }}-config
    {{- range $name, $volume := $volumes }}
    - name: {{ $name }}
      {{- toYaml $volume.source | nindent 6 }}
    {{- end }}
{{- end }}
