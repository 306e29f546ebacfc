{{/* Names, labels, the settings file, and the container that service and sidecar share. */}}

{{- define "portcullis.name" -}}
{{- if contains "portcullis" .Release.Name }}{{ .Release.Name }}{{ else }}{{ .Release.Name }}-portcullis{{ end }}
{{- end }}

{{- define "portcullis.selector" -}}
app.kubernetes.io/name: portcullis
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "portcullis.labels" -}}
{{ include "portcullis.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{/* What would start and then fail, said before. */}}
{{- define "portcullis.check" -}}
{{- $kubernetes := .Values.policy.kubernetes -}}
{{- $needsPod := or (eq .Values.mode "service") .Values.sidecar.patch -}}
{{- if and $needsPod (not .Values.image.repository) -}}
{{- fail "image.repository: expected where the image is that you built from deploy/Containerfile" -}}
{{- end -}}
{{- if and $needsPod (not .Values.sealingKeys.secretName) -}}
{{- fail "sealingKeys.secretName: expected the name of a Secret with sealing keys; make one with `portcullis keygen` and `kubectl create secret generic`" -}}
{{- end -}}
{{- if not (or .Values.policy.configMaps $kubernetes.enabled) -}}
{{- fail "policy: expected configMaps with the policy, or kubernetes.enabled" -}}
{{- end -}}
{{- if and $kubernetes.enabled (not $kubernetes.namespaces) -}}
{{- fail "policy.kubernetes.namespaces: expected the namespaces to watch; they are listed, never implied" -}}
{{- end -}}
{{- if and .Values.tls.enabled (not .Values.tls.secretName) -}}
{{- fail "tls.secretName: expected the name of a Secret with tls.crt, tls.key and, with tls.clientCa, ca.crt" -}}
{{- end -}}
{{- if and .Values.tls.enabled (eq .Values.mode "sidecar") -}}
{{- fail "tls.enabled: expected false in a sidecar, whose unix socket never leaves the pod" -}}
{{- end -}}
{{- if eq (int .Values.ports.grpc) (int .Values.ports.admin) -}}
{{- fail "ports: expected two; grpc and admin are the same" -}}
{{- end -}}
{{- $replicas := .Values.autoscaling.enabled | ternary .Values.autoscaling.maxReplicas .Values.replicas -}}
{{- if and (eq .Values.mode "service") (eq (dig "session" "store" "cookie" .Values.settings) "memory") (gt (int $replicas) 1) -}}
{{- fail "settings.session.store: expected cookie or redis; memory is of one process, and there are several replicas" -}}
{{- end -}}
{{- $shared := dig "session" "redis" "" .Values.settings -}}
{{- if and (eq (dig "session" "store" "cookie" .Values.settings) "redis") (not $shared) -}}
{{- fail "settings.session.redis: expected where Redis is, with settings.session.store redis; by default it would be in the pod" -}}
{{- end -}}
{{- if and (or .Values.redis.passwordSecret .Values.redis.caSecret) (not $shared) -}}
{{- fail "settings.session.redis: expected where Redis is, with redis.passwordSecret or redis.caSecret" -}}
{{- end -}}
{{- if and .Values.redis.sentinelPassword (not .Values.redis.passwordSecret) -}}
{{- fail "redis.passwordSecret: expected the name of a Secret with sentinel-password" -}}
{{- end -}}
{{- if $shared -}}
{{- if regexMatch "^[a-z]+://[^/]*:[^/]*@" (dig "url" "" $shared) -}}
{{- fail "settings.session.redis.url: expected no password; settings are in a ConfigMap, so name a Secret in redis.passwordSecret" -}}
{{- end -}}
{{- if and .Values.redis.caSecret (not (hasPrefix "rediss://" (dig "url" "" $shared))) -}}
{{- fail "settings.session.redis.url: expected rediss:// with redis.caSecret" -}}
{{- end -}}
{{- end -}}
{{- end }}

{{/* The settings file: what is set, and what follows from where things are mounted. */}}
{{- define "portcullis.settings" -}}
{{- $settings := deepCopy .Values.settings -}}
{{- $listen := dict "admin" (printf "0.0.0.0:%d" (int .Values.ports.admin)) -}}
{{- if eq .Values.mode "sidecar" -}}
{{- $_ := set $listen "grpc" "unix:/run/portcullis/authz.sock" -}}
{{- else -}}
{{- $_ := set $listen "grpc" (printf "0.0.0.0:%d" (int .Values.ports.grpc)) -}}
{{- end -}}
{{- if .Values.tls.enabled -}}
{{- $tls := dict "cert_file" "/etc/portcullis/tls/tls.crt" "key_file" "/etc/portcullis/tls/tls.key" -}}
{{- if .Values.tls.clientCa -}}{{- $_ := set $tls "client_ca_file" "/etc/portcullis/tls/ca.crt" -}}{{- end -}}
{{- $_ := set $listen "tls" $tls -}}
{{- end -}}
{{- $_ := set $settings "listen" $listen -}}
{{- $resources := get $settings "resources" | default dict -}}
{{- if .Values.policy.configMaps -}}
{{- $paths := list -}}
{{- range .Values.policy.configMaps -}}{{- $paths = append $paths (printf "/etc/portcullis/policy/%s" .) -}}{{- end -}}
{{- $_ := set $resources "paths" $paths -}}
{{- end -}}
{{- if .Values.policy.clientSecrets -}}{{- $_ := set $resources "secrets_dir" "/etc/portcullis/secrets" -}}{{- end -}}
{{- if .Values.policy.kubernetes.enabled -}}
{{- $kubernetes := dict "namespaces" .Values.policy.kubernetes.namespaces -}}
{{- with .Values.policy.kubernetes.secretNames -}}
{{- $_ := set $kubernetes "secret_names" . -}}
{{- end -}}
{{- $_ := set $resources "kubernetes" $kubernetes -}}
{{- end -}}
{{- $_ := set $settings "resources" $resources -}}
{{- $session := get $settings "session" | default dict -}}
{{- $_ := set $session "keys_file" (printf "/etc/portcullis/keys/%s" .Values.sealingKeys.key) -}}
{{- with get $session "redis" -}}
{{- if $.Values.redis.passwordSecret -}}
{{- $_ := set . "password_file" "/etc/portcullis/redis/password" -}}
{{- end -}}
{{- if $.Values.redis.sentinelPassword -}}
{{- $_ := set . "sentinel_password_file" "/etc/portcullis/redis/sentinel-password" -}}
{{- end -}}
{{- if $.Values.redis.caSecret -}}
{{- $_ := set . "ca_file" "/etc/portcullis/redis-ca/ca.crt" -}}
{{- end -}}
{{- end -}}
{{- $_ := set $settings "session" $session -}}
{{- toYaml $settings -}}
{{- end }}

{{- define "portcullis.image" -}}
{{- with .Values.image -}}
{{ .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end -}}
{{- end }}

{{/* `user` is that of the gateway in a sidecar. */}}
{{- define "portcullis.container" -}}
name: portcullis
image: {{ include "portcullis.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
args: [serve, --config, /etc/portcullis/settings/portcullis.yaml]
securityContext:
  allowPrivilegeEscalation: false
  capabilities: { drop: [ALL] }
  readOnlyRootFilesystem: true
  runAsNonRoot: true
  runAsUser: {{ eq .Values.mode "sidecar" | ternary .Values.sidecar.user 65532 | int }}
  seccompProfile: { type: RuntimeDefault }
ports:
{{- if eq .Values.mode "service" }}
- { name: grpc, containerPort: {{ .Values.ports.grpc }}, protocol: TCP }
{{- end }}
- { name: admin, containerPort: {{ .Values.ports.admin }}, protocol: TCP }
{{- if eq .Values.mode "sidecar" }}
# The gateway starts after this: once the policy is loaded and each provider was asked. What that waits for, such as a right in
# the cluster, no restart mends.
startupProbe:
  httpGet: { path: /readyz, port: admin }
  periodSeconds: 1
  failureThreshold: 86400
{{- else }}
# Alive before there is a policy: that may wait for the API server, and no restart mends it. Ready is another probe.
startupProbe:
  httpGet: { path: /livez, port: admin }
  periodSeconds: 1
  failureThreshold: 60
{{- end }}
readinessProbe:
  httpGet: { path: /readyz, port: admin }
  periodSeconds: 5
  failureThreshold: 2
livenessProbe:
  httpGet: { path: /livez, port: admin }
  periodSeconds: 10
  failureThreshold: 3
{{- if and (eq .Values.mode "service") (gt (int .Values.drainSeconds) 0) }}
lifecycle:
  preStop: { sleep: { seconds: {{ .Values.drainSeconds }} } }
{{- end }}
resources: {{- toYaml .Values.resources | nindent 2 }}
volumeMounts:
- { name: portcullis-settings, mountPath: /etc/portcullis/settings, readOnly: true }
- { name: portcullis-keys, mountPath: /etc/portcullis/keys, readOnly: true }
{{- range .Values.policy.configMaps }}
- { name: {{ printf "policy-%s" . | replace "." "-" | trunc 63 | trimSuffix "-" }}, mountPath: /etc/portcullis/policy/{{ . }}, readOnly: true }
{{- end }}
{{- range $index, $secret := .Values.policy.clientSecrets }}
- { name: client-secret-{{ $index }}, mountPath: /etc/portcullis/secrets/{{ .namespace }}/{{ .secretName }}, readOnly: true }
{{- end }}
{{- if .Values.tls.enabled }}
- { name: portcullis-tls, mountPath: /etc/portcullis/tls, readOnly: true }
{{- end }}
{{- if .Values.redis.passwordSecret }}
- { name: portcullis-redis, mountPath: /etc/portcullis/redis, readOnly: true }
{{- end }}
{{- if .Values.redis.caSecret }}
- { name: portcullis-redis-ca, mountPath: /etc/portcullis/redis-ca, readOnly: true }
{{- end }}
{{- if eq .Values.mode "sidecar" }}
- { name: portcullis-socket, mountPath: /run/portcullis }
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Mode 288 is 0440: for the group of the pod alone. */}}
{{- define "portcullis.volumes" -}}
- name: portcullis-settings
  configMap: { name: {{ include "portcullis.name" . }}-settings }
- name: portcullis-keys
  secret: { secretName: {{ .Values.sealingKeys.secretName }}, defaultMode: 288 }
{{- range .Values.policy.configMaps }}
- name: {{ printf "policy-%s" . | replace "." "-" | trunc 63 | trimSuffix "-" }}
  configMap: { name: {{ . }} }
{{- end }}
{{- range $index, $secret := .Values.policy.clientSecrets }}
- name: client-secret-{{ $index }}
  secret: { secretName: {{ .secretName }}, defaultMode: 288 }
{{- end }}
{{- if .Values.tls.enabled }}
- name: portcullis-tls
  secret: { secretName: {{ .Values.tls.secretName }}, defaultMode: 288 }
{{- end }}
{{- with .Values.redis.passwordSecret }}
- name: portcullis-redis
  secret: { secretName: {{ . }}, defaultMode: 288 }
{{- end }}
{{- with .Values.redis.caSecret }}
- name: portcullis-redis-ca
  secret: { secretName: {{ . }}, defaultMode: 288, items: [{ key: ca.crt, path: ca.crt }] }
{{- end }}
{{- if eq .Values.mode "sidecar" }}
- name: portcullis-socket
  emptyDir: { medium: Memory, sizeLimit: 1Mi }
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}
