{{/*
What can be wrong beyond what the schema sees. Everything is said at once, each in a line that names the remedy.
Every check is a template that prints such lines or nothing; it gets `root` and the destination `d`. Whichever
template is rendered first has them made; the others know it by a mark in the values, which all share.
*/}}
{{- define "kwp.checked" -}}
{{- if not (hasKey .Values "checked") -}}
{{- include "kwp.check" . -}}
{{- $_ := set .Values "checked" true -}}
{{- end -}}
{{- end -}}

{{- define "kwp.check" -}}
{{- $problems := include "kwp.problemsOfAll" . -}}
{{- range $key, $_ := .Values.destinations -}}
{{- $d := include "kwp.destination" (dict "root" $ "key" $key) | fromJson -}}
{{- range list "missing" "secrets" "endpointSecrets" "references" "kafkaLogin" "auth" "timing" "scaling" "monitoring" "network" "environment" -}}
{{- $found := include (printf "kwp.problems.%s" .) (dict "root" $ "d" $d) -}}
{{- range splitList "\n" $found | compact -}}
{{- $problems = printf "%s\ndestinations.%s: %s" $problems $key . -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- with splitList "\n" $problems | compact -}}
{{- fail (printf "\n\nThe values cannot be used:\n- %s\n" (join "\n- " .)) -}}
{{- end -}}
{{- end -}}

{{- define "kwp.problemsOfAll" -}}
{{- if not .Values.destinations }}
destinations: there is none; add one, such as `destinations: {crm: {config: {destination: {url: https://…}}}}`
{{- end }}
{{- if regexMatch "^[0-9]" (include "kwp.beginning" .) }}
fullnameOverride: set it, for a Service's name cannot begin with a digit as the release's does
{{- end }}
{{- $groups := dict }}
{{- range $key, $_ := .Values.destinations }}
{{- $d := include "kwp.destination" (dict "root" $ "key" $key) | fromJson }}
{{- $group := printf "%s of %s" $d.settings.kafka.group_id (dig "kafka" "bootstrap_servers" "" $d.settings) }}
{{- if hasKey $groups $group }}
destinations.{{ $key }}: shares the group {{ $d.settings.kafka.group_id }} with {{ get $groups $group }}, so that each event would reach one of them only; give it a config.kafka.group_id of its own, and set none in defaults
{{- end }}
{{- $_ := set $groups $group $key }}
{{- end }}
{{- $names := include "kwp.alertNames" . | fromJsonArray }}
{{- range concat .Values.prometheusRule.disabled (keys .Values.prometheusRule.overrides) | uniq | sortAlpha }}
{{- if not (has . $names) }}
prometheusRule: there is no alert {{ . }}; there are {{ join ", " $names | default "none" }}
{{- end }}
{{- end }}
{{- end -}}

{{/* Whether the environment holds `variable`, or may hold it. */}}
{{- define "kwp.fromEnvironment" -}}
{{- if .d.extraEnvFrom -}}true{{- end -}}
{{- range .d.env -}}
{{- if or (eq .name $.variable) (eq .name (printf "%s_FILE" $.variable)) -}}true{{- end -}}
{{- end -}}
{{- end -}}

{{/* Whether the setting at the path `at` is said, in the settings or in the environment. */}}
{{- define "kwp.said" -}}
{{- $value := .d.settings -}}
{{- range .at -}}{{- $value = ternary (get ($value | default dict) .) nil (kindIs "map" $value) -}}{{- end -}}
{{- if $value -}}true{{- else -}}
{{- include "kwp.fromEnvironment" (dict "d" .d "variable" (printf "WEBHOOK_PROCESSOR__%s" (join "__" .at | upper))) -}}
{{- end -}}
{{- end -}}

{{- define "kwp.problems.missing" -}}
{{- $value := dig "record" "value" "json" .d.settings | toString -}}
{{- $needed := list (list "kafka" "bootstrap_servers") (list "kafka" "topics") (list "dead_letter" "topic") (list "destination" "url") -}}
{{- if eq $value "registry" -}}{{- $needed = append $needed (list "schema_registry" "url") -}}{{- end -}}
{{- if has $value (list "avro" "protobuf") -}}{{- $needed = append $needed (list "record" "schema_file") -}}{{- end -}}
{{- range $needed }}
{{- if not (include "kwp.said" (dict "d" $.d "at" .)) }}
config.{{ join "." . }} is missing; set it here or in defaults
{{- end }}
{{- end }}
{{- end -}}

{{/* Texts that would stand readable in a ConfigMap or in the Deployment. None is repeated here. */}}
{{- define "kwp.problems.secrets" -}}
{{- range $path, $remedy := dict
  "kafka.sasl_password" "secrets.kafkaSasl.existingSecret"
  "kafka.ssl_key_password" "secrets.kafkaTls.existingSecret and keyPasswordKey"
  "destination.tls.key_password" "secrets.destinationTls.existingSecret and keyPasswordKey"
  "destination.proxy.password" "secrets.proxy.existingSecret"
  "destination.auth.password" "secrets.destinationAuth.existingSecret and passwordKey"
  "destination.auth.token" "secrets.destinationAuth.existingSecret and tokenKey"
  "destination.auth.value" "secrets.destinationAuth.existingSecret and valueKey"
  "destination.auth.client_secret" "secrets.destinationAuth.existingSecret and clientSecretKey"
  "destination.auth.private_key" "secrets.destinationAuth.existingSecret and privateKeyKey"
  "destination.auth.secret_access_key" "secrets.destinationAuth.existingSecret and secretAccessKeyKey"
  "destination.auth.session_token" "secrets.destinationAuth.existingSecret and sessionTokenKey"
  "destination.auth.tls.key_password" "secrets.destinationAuthTls.existingSecret and keyPasswordKey"
  "schema_registry.password" "secrets.schemaRegistry.existingSecret and passwordKey"
  "schema_registry.token" "secrets.schemaRegistry.existingSecret and tokenKey"
  "schema_registry.oauth.client_secret" "secrets.schemaRegistry.existingSecret and oauthClientSecretKey"
  "schema_registry.tls.key_password" "secrets.schemaRegistryTls.existingSecret and keyPasswordKey"
  "admin.token" "secrets.adminToken.existingSecret" }}
{{- $value := $.d.settings }}
{{- range splitList "." $path }}{{- $value = ternary (get ($value | default dict) .) nil (kindIs "map" $value) }}{{- end }}
{{- if and $value (not (kindIs "map" $value)) }}
config.{{ $path }} is a secret and would stand in a ConfigMap; put it into a Secret and name that in {{ $remedy }}
{{- end }}
{{- range $.d.extraEnv }}
{{- if and .value (eq .name (printf "WEBHOOK_PROCESSOR__%s" ($path | replace "." "__" | upper))) }}
extraEnv.{{ .name }} is a secret and would stand in the Deployment; put it into a Secret and name that in {{ $remedy }}
{{- end }}
{{- end }}
{{- end }}
{{- $signing := dig "destination" "signature" "secrets" nil $.d.settings }}
{{- range ternary $signing (list $signing) (kindIs "slice" $signing) }}
{{- if and . (not (kindIs "map" .)) }}
config.destination.signature.secrets holds a secret and would stand in a ConfigMap; put it into a Secret, name that in secrets.files.NAME: {secret: …, key: …} and write {from_file: /etc/webhook-processor/secrets/files/NAME}
{{- end }}
{{- end }}
{{- range $.d.extraEnv }}
{{- if and .value (eq .name "WEBHOOK_PROCESSOR__DESTINATION__SIGNATURE__SECRETS") }}
extraEnv.{{ .name }} is a secret and would stand in the Deployment; put it into a Secret and name that in secrets.env.{{ .name }}
{{- end }}
{{- end }}
{{- range $section := list "kafka" "dead_letter" }}
{{- range $option, $value := dig $section "client" dict $.d.settings }}
{{- if and (regexMatch `password|passphrase|secret|token|jaas|key.pem` $option) (not (hasSuffix ".url" $option)) (not (kindIs "map" $value)) }}
config.{{ $section }}.client holds {{ $option }}, a secret, and would stand in a ConfigMap; put all of it as JSON into a Secret and name that in secrets.env.WEBHOOK_PROCESSOR__{{ upper $section }}__CLIENT
{{- end }}
{{- end }}
{{- end }}
{{- $marked := list }}
{{- range dig "destination" "secret_headers" list .d.settings }}{{- $marked = append $marked (lower .) }}{{- end }}
{{- range $header, $value := dig "destination" "headers" dict .d.settings }}
{{- if and (kindIs "string" $value) (or (has (lower $header) $marked) (include "kwp.isSecretHeader" (dict "header" $header "value" $value))) }}
config.destination.headers.{{ $header }} is a secret and would stand in a ConfigMap; name its Secret in secrets.headers.{{ $header }}: {secret: …, key: …}
{{- end }}
{{- end }}
{{- end -}}

{{/* Whether a header is a credential by its name or by its scheme; the application judges by the same patterns. */}}
{{- define "kwp.isSecretHeader" -}}
{{- if or (regexMatch `(?i)authori[sz]ation|authenticat|auth([-_0-9]|$)|token|secret|passw|passphrase|cookie|credential|signature|jwt|session|(^|[-_])(api|access|auth|private|subscription|functions)?[-_]?key([-_]|$)` .header) (regexMatch `(?i)^\s*(bearer|basic|token|digest|apikey)\s+\S` .value) -}}true{{- end -}}
{{- end -}}

{{/* Whether whoever knows the URL may use it, by its looks; the application judges by the same patterns. */}}
{{- define "kwp.isSecretUrl" -}}
{{- range list `(?i)^https?://([^/?#@:]*\.)?(hooks\.slack\.com|discord(app)?\.com|webhook\.office\.com|logic\.azure\.com|chat\.googleapis\.com|hooks\.zapier\.com|maker\.ifttt\.com)(:[0-9]+)?/` `(?i)[?&](sig|key|code|[^=&#]*(token|secret|passw|signature|api.?key|auth)[^=&#]*)=[^&#]` `(?i)[/=][0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}` -}}
{{- if regexMatch . $ -}}true{{- end -}}
{{- end -}}
{{- range regexFindAll `[A-Za-z0-9]{20,}` (regexReplaceAll "^[A-Za-z]+://[^/]*" . "") -1 -}}
{{- if regexMatch "[0-9]" . -}}true{{- end -}}
{{- end -}}
{{- end -}}

{{/* A URL or headers that would stand readable. */}}
{{- define "kwp.problems.endpointSecrets" -}}
{{- $said := dig "destination" "url_is_secret" nil .d.settings }}
{{- $url := include "kwp.url" .d }}
{{- $remedy := "put it into a Secret and name that in secrets.env.WEBHOOK_PROCESSOR__DESTINATION__URL, or set config.destination.url_is_secret to false if it is none" }}
{{- if and $url (ne (toString $said) "false") (or (eq (toString $said) "true") (include "kwp.isSecretUrl" $url)) }}
config.destination.url is a secret and would stand in a ConfigMap; {{ $remedy }}
{{- end }}
{{- range $env := .d.extraEnv }}
{{- if and .value (eq .name "WEBHOOK_PROCESSOR__DESTINATION__URL") (ne (toString $said) "false") (or (eq (toString $said) "true") (include "kwp.isSecretUrl" .value)) }}
extraEnv.{{ .name }} is a secret and would stand in the Deployment; {{ $remedy }}
{{- end }}
{{- if and .value (eq .name "WEBHOOK_PROCESSOR__DESTINATION__HEADERS") }}
{{- range $header, $value := fromYaml .value }}
{{- if and (kindIs "string" $value) (include "kwp.isSecretHeader" (dict "header" $header "value" $value)) }}
extraEnv.WEBHOOK_PROCESSOR__DESTINATION__HEADERS holds {{ $header }}, a secret, and would stand in the Deployment; name its Secret in secrets.headers.{{ $header }}: {secret: …, key: …}
{{- end }}
{{- end }}
{{- end }}
{{- range $section := list "KAFKA" "DEAD_LETTER" }}
{{- if and $env.value (eq $env.name (printf "WEBHOOK_PROCESSOR__%s__CLIENT" $section)) }}
{{- range $option, $value := fromYaml $env.value }}
{{- if and (regexMatch `password|passphrase|secret|token|jaas|key.pem` $option) (not (hasSuffix ".url" $option)) (not (kindIs "map" $value)) }}
extraEnv.{{ $env.name }} holds {{ $option }}, a secret, and would stand in the Deployment; put all of it as JSON into a Secret and name that in secrets.env.{{ $env.name }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{/* What refers to a variable or a file, as a JSON list of `path` and `value`. */}}
{{- define "kwp.references" -}}
{{- $found := list -}}
{{- range list "kafka.sasl_password" "kafka.ssl_key_password" "destination.tls.key_password" "destination.proxy.password" "destination.auth.username" "destination.auth.password" "destination.auth.token" "destination.auth.value" "destination.auth.client_secret" "destination.auth.private_key" "destination.auth.secret_access_key" "destination.auth.session_token" "destination.auth.client_id" "destination.auth.access_key_id" "destination.auth.tls.key_password" "admin.token" "destination.url" "schema_registry.password" "schema_registry.token" "schema_registry.oauth.client_secret" "schema_registry.tls.key_password" -}}
{{- $value := $.settings -}}
{{- range splitList "." . -}}{{- $value = ternary (get ($value | default dict) .) nil (kindIs "map" $value) -}}{{- end -}}
{{- if kindIs "map" $value -}}{{- $found = append $found (dict "path" . "value" $value) -}}{{- end -}}
{{- end -}}
{{- $signing := dig "destination" "signature" "secrets" nil $.settings -}}
{{- range ternary $signing (list $signing) (kindIs "slice" $signing) -}}
{{- if kindIs "map" . -}}{{- $found = append $found (dict "path" "destination.signature.secrets" "value" .) -}}{{- end -}}
{{- end -}}
{{- range $place := list (list "destination" "headers") (list "kafka" "client") (list "dead_letter" "client") -}}
{{- range $name, $value := dig (first $place) (last $place) dict $.settings -}}
{{- if kindIs "map" $value -}}{{- $found = append $found (dict "path" (printf "%s.%s" (join "." $place) $name) "value" $value) -}}{{- end -}}
{{- end -}}
{{- end -}}
{{- toJson $found -}}
{{- end -}}

{{/* Headers and others that read what nothing sets. */}}
{{- define "kwp.problems.references" -}}
{{- $files := "/etc/webhook-processor/secrets/files/" }}
{{- range $header, $_ := .d.secrets.headers }}
{{- if hasKey (dig "destination" "headers" dict $.d.config) $header }}
secrets.headers.{{ $header }} also stands in config.destination.headers; say it once
{{- end }}
{{- end }}
{{- range include "kwp.references" .d | fromJsonArray }}
{{- $value := .value }}
{{- if $value.from_env }}
{{- if not (include "kwp.fromEnvironment" (dict "d" $.d "variable" $value.from_env)) }}
config.{{ .path }} reads the environment variable {{ $value.from_env }}, which nothing sets; add secrets.env.{{ $value.from_env }}: {secret: …, key: …}
{{- end }}
{{- else if hasPrefix $files $value.from_file }}
{{- if not (hasKey $.d.secrets.files (trimPrefix $files $value.from_file)) }}
config.{{ .path }} reads {{ $value.from_file }}, which nothing mounts; add secrets.files.{{ trimPrefix $files $value.from_file }}: {secret: …, key: …}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "kwp.problems.kafkaLogin" -}}
{{- $kafka := .d.settings.kafka }}
{{- $protocol := $kafka.security_protocol | default "plaintext" }}
{{- if and (hasPrefix "sasl" $protocol) (not (include "kwp.said" (dict "d" .d "at" (list "kafka" "sasl_mechanism")))) }}
config.kafka.security_protocol {{ $protocol }} needs config.kafka.sasl_mechanism
{{- end }}
{{- if has $kafka.sasl_mechanism (list "PLAIN" "SCRAM-SHA-256" "SCRAM-SHA-512") }}
{{- range list "sasl_username" "sasl_password" }}
{{- if not (include "kwp.said" (dict "d" $.d "at" (list "kafka" .))) }}
config.kafka.sasl_mechanism {{ $kafka.sasl_mechanism }} needs {{ . }}; name its Secret in secrets.kafkaSasl.existingSecret
{{- end }}
{{- end }}
{{- end }}
{{- if and $kafka.sasl_mechanism (not (hasPrefix "sasl" $protocol)) (not (include "kwp.fromEnvironment" (dict "d" .d "variable" "WEBHOOK_PROCESSOR__KAFKA__SECURITY_PROTOCOL"))) }}
config.kafka.sasl_mechanism is not used with config.kafka.security_protocol {{ $protocol }}; set that to sasl_ssl, or sasl_plaintext
{{- end }}
{{- if and (or .d.secrets.kafkaTls.existingSecret $kafka.ssl_ca_file) (not (hasSuffix "ssl" $protocol)) (not (include "kwp.fromEnvironment" (dict "d" .d "variable" "WEBHOOK_PROCESSOR__KAFKA__SECURITY_PROTOCOL"))) }}
secrets.kafkaTls and config.kafka.ssl_ca_file are not used with config.kafka.security_protocol {{ $protocol }}; set that to ssl, or sasl_ssl
{{- end }}
{{- range $name, $tls := dict "kafkaTls" .d.secrets.kafkaTls "destinationTls" .d.secrets.destinationTls "destinationAuthTls" .d.secrets.destinationAuthTls "schemaRegistryTls" .d.secrets.schemaRegistryTls }}
{{- if and $tls.existingSecret (ne (empty $tls.certificateKey) (empty $tls.keyKey)) }}
secrets.{{ $name }} needs both certificateKey and keyKey, or none of them
{{- end }}
{{- if and $tls.keyPasswordKey (not $tls.keyKey) }}
secrets.{{ $name }}.keyPasswordKey is the password of no key; set keyKey
{{- end }}
{{- end }}
{{- if $kafka.group_instance_id }}
config.kafka.group_instance_id would be the same in all pods; use extraEnv with WEBHOOK_PROCESSOR__KAFKA__GROUP_INSTANCE_ID from the field metadata.name
{{- end }}
{{- end -}}

{{/* Who we are to the endpoint and the schema registry: what has to come out of a Secret. */}}
{{- define "kwp.problems.auth" -}}
{{- $auth := dig "destination" "auth" dict .d.settings }}
{{- $keys := dict "username" "usernameKey" "password" "passwordKey" "token" "tokenKey" "value" "valueKey" "client_secret" "clientSecretKey" "private_key" "privateKeyKey" }}
{{- $ways := dict
  "basic" (list "username" "password") "bearer" (list "token") "api_key" (list "value")
  "oauth2 basic" (list "client_secret") "oauth2 post" (list "client_secret")
  "oauth2 client_secret_jwt" (list "client_secret") "oauth2 private_key_jwt" (list "private_key") }}
{{- $way := $auth.type | default "" }}
{{- if eq $way "oauth2" }}{{- $way = printf "oauth2 %s" ($auth.client_auth | default "basic") }}{{- end }}
{{- range get $ways $way | default list }}
{{- if not (include "kwp.said" (dict "d" $.d "at" (list "destination" "auth" .))) }}
config.destination.auth.type {{ $auth.type }} needs {{ . }}; name its Secret in secrets.destinationAuth.existingSecret and {{ get $keys . }}
{{- end }}
{{- end }}
{{- range $name, $such := dict "destinationAuth" "clientSecretKey" "schemaRegistry" "passwordKey" }}
{{- $named := get $.d.secrets $name }}
{{- if and $named.existingSecret (not (omit $named "existingSecret" | values | compact)) }}
secrets.{{ $name }}.existingSecret names a Secret, and nothing of it is used; name its keys, such as {{ $such }}
{{- end }}
{{- end }}
{{- end -}}

{{/* As the application judges settings of several sections, and the time that a stop needs. */}}
{{- define "kwp.problems.timing" -}}
{{- $delivery := .d.settings.delivery | default dict }}
{{- $kafka := .d.settings.kafka }}
{{- if le (float64 .d.grace) .d.longestStop }}
terminationGracePeriodSeconds {{ .d.grace }} is too short: a stop may take {{ .d.longestStop }} s (config.delivery.drain_timeout and what closing takes); raise it above, or leave it out
{{- end }}
{{- if gt (dig "drain_timeout" 25 $delivery | float64) (mulf 0.9 (dig "max_poll_interval" 300 $kafka)) }}
config.delivery.drain_timeout must be below nine tenths of config.kafka.max_poll_interval
{{- end }}
{{- if gt (dig "commit_interval" 1 $delivery | float64) (divf (dig "session_timeout" 45 $kafka) 3) }}
config.delivery.commit_interval must not be above a third of config.kafka.session_timeout
{{- end }}
{{- if has (dig "dead_letter" "topic" "" .d.settings) ($kafka.topics | default list) }}
config.dead_letter.topic is in config.kafka.topics, so that every dead letter would be read again
{{- end }}
{{- with dig "reports" "topic" "" .d.settings }}
{{- if has . ($kafka.topics | default list) }}
config.reports.topic is in config.kafka.topics, so that every report would be read as an event
{{- end }}
{{- end }}
{{- if gt (dig "min_in_flight" 1 $delivery | float64) (dig "max_in_flight" 64 $delivery | float64) }}
config.delivery.min_in_flight must not be above config.delivery.max_in_flight
{{- end }}
{{- $update := .d.strategy.rollingUpdate | default dict }}
{{- if and (ne .d.strategy.type "Recreate") (has (toString $update.maxSurge) (list "0" "0%")) (has (toString $update.maxUnavailable) (list "0" "0%")) }}
strategy.rollingUpdate: with maxSurge and maxUnavailable both 0 no pod could ever be replaced
{{- end }}
{{- end -}}

{{- define "kwp.problems.scaling" -}}
{{- if and .d.hpa.enabled .d.keda.enabled }}
hpa and keda are both enabled and would fight over the replicas; disable one
{{- end }}
{{- range list "hpa" "keda" }}
{{- $it := get $.d . }}
{{- if gt (int $it.minReplicas) (int $it.maxReplicas) }}
{{ . }}.minReplicas is above {{ . }}.maxReplicas
{{- end }}
{{- end }}
{{- if and .d.podDisruptionBudget.enabled (kindIs "invalid" .d.podDisruptionBudget.minAvailable) (kindIs "invalid" .d.podDisruptionBudget.maxUnavailable) }}
podDisruptionBudget needs maxUnavailable or minAvailable
{{- end }}
{{- if .d.keda.enabled }}
{{- include "kwp.problems.keda" . }}
{{- end }}
{{- end -}}

{{- define "kwp.problems.keda" -}}
{{- $kafka := .d.settings.kafka }}
{{- if not (dig "kafka" "bootstrap_servers" "" .d.settings) }}
keda.enabled: KEDA cannot read config.kafka.bootstrap_servers out of the environment; set it in config
{{- end }}
{{- if not .d.keda.topics }}
{{- if not $kafka.topics }}
keda.enabled: KEDA cannot read config.kafka.topics out of the environment; name the topics in keda.topics
{{- end }}
{{- range $kafka.topics }}
{{- if hasPrefix "^" . }}
keda.enabled: KEDA knows no regular expressions such as {{ . }}; name the topics in keda.topics
{{- end }}
{{- end }}
{{- end }}
{{- if not .d.keda.authenticationRef }}
{{- if eq ($kafka.sasl_mechanism | default "") "OAUTHBEARER" }}
keda.enabled: how to log in by OAUTHBEARER cannot be told from the settings; name a TriggerAuthentication in keda.authenticationRef
{{- else if and $kafka.sasl_mechanism (not .d.secrets.kafkaSasl.existingSecret) }}
keda.enabled: KEDA logs in with a Secret; name it in secrets.kafkaSasl.existingSecret, or a TriggerAuthentication in keda.authenticationRef
{{- end }}
{{- if or (and $kafka.ssl_ca_file (not (and .d.secrets.kafkaTls.existingSecret .d.secrets.kafkaTls.caKey))) (and $kafka.ssl_key_file (not (and .d.secrets.kafkaTls.existingSecret .d.secrets.kafkaTls.keyKey))) }}
keda.enabled: KEDA reads certificates from a Secret; name it in secrets.kafkaTls.existingSecret, or a TriggerAuthentication in keda.authenticationRef
{{- end }}
{{- end }}
{{- end -}}

{{- define "kwp.problems.monitoring" -}}
{{- if and .d.serviceMonitor.enabled .d.podMonitor.enabled }}
serviceMonitor and podMonitor are both enabled and everything would be scraped twice; disable one
{{- end }}
{{- if and .d.serviceMonitor.enabled (not .d.service.enabled) }}
serviceMonitor needs the Service; set service.enabled, or use podMonitor
{{- end }}
{{- end -}}

{{- define "kwp.problems.network" -}}
{{- if .d.networkPolicy.enabled }}
{{- if not (include "kwp.kafkaPorts" .d | fromJsonArray) }}
networkPolicy cannot see the brokers' ports in the environment; name them in networkPolicy.kafkaPorts
{{- end }}
{{- if and (not (include "kwp.url" .d)) (not .d.networkPolicy.endpointPorts) }}
networkPolicy cannot see the endpoint's port in the environment; name it in networkPolicy.endpointPorts
{{- end }}
{{- range .d.env }}
{{- if and (hasPrefix "WEBHOOK_PROCESSOR__DESTINATION__PROXY__URL" .name) (not (include "kwp.proxyPorts" $.d | fromJsonArray)) }}
networkPolicy cannot see the proxy's port in the environment; name it in networkPolicy.proxyPorts
{{- end }}
{{- end }}
{{- if and (eq (dig "destination" "proxy" "from_environment" false .d.settings | toString) "true") (not .d.networkPolicy.proxyPorts) }}
networkPolicy cannot see the port of the environment's proxy; name it in networkPolicy.proxyPorts
{{- end }}
{{- if and (eq (toString (dig "destination" "auth" "type" "" .d.settings)) "oauth2") (not (dig "destination" "auth" "token_url" "" .d.settings)) (not .d.networkPolicy.tokenPorts) }}
networkPolicy cannot see the token endpoint's port in the environment; name it in networkPolicy.tokenPorts
{{- end }}
{{- if and (include "kwp.said" (dict "d" .d "at" (list "schema_registry" "url"))) (include "kwp.usesRegistry" .d) (not (dig "schema_registry" "url" "" .d.settings)) (not .d.networkPolicy.registryPorts) }}
networkPolicy cannot see the schema registry's port in the environment; name it in networkPolicy.registryPorts
{{- end }}
{{- end }}
{{- end -}}

{{- define "kwp.problems.environment" -}}
{{- $seen := list }}
{{- range .d.env }}
{{- if has .name $seen }}
the environment variable {{ .name }} is set twice, by secrets, by extraEnv or by the chart; say it once
{{- end }}
{{- $seen = append $seen .name }}
{{- end }}
{{- $mounts := list "/etc/webhook-processor/config" "/etc/webhook-processor/secrets" }}
{{- range .d.extraVolumeMounts }}
{{- if has (trimSuffix "/" .mountPath) $mounts }}
extraVolumeMounts: {{ .mountPath }} is the chart's own; mount elsewhere
{{- end }}
{{- end }}
{{- range .d.extraVolumes }}
{{- if has .name (list "config" "secrets") }}
extraVolumes: {{ .name }} is the chart's own; choose another name
{{- end }}
{{- end }}
{{- end -}}
