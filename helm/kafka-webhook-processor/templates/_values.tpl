{{/* `above` over `below`, mapping by mapping, as JSON. What is false, 0, empty or null counts as said. */}}
{{- define "kwp.merged" -}}
{{- $both := deepCopy .below -}}
{{- range $name, $value := .above -}}
{{- $old := get $both $name -}}
{{- if and (kindIs "map" $value) (kindIs "map" $old) -}}
{{- $value = include "kwp.merged" (dict "below" $old "above" $value) | fromJson -}}
{{- end -}}
{{- $_ := set $both $name $value -}}
{{- end -}}
{{- toJson $both -}}
{{- end -}}

{{/*
Everything about the destination `key`, as JSON: its values over the defaults, with `key`, `name`, `settings`
(the settings file), `files` (what comes out of Secrets), `env`, `grace` and `longestStop`.
*/}}
{{- define "kwp.destination" -}}
{{- $own := get .root.Values.destinations .key -}}
{{- $d := include "kwp.merged" (dict "below" .root.Values.defaults "above" $own) | fromJson -}}
{{- $_ := set $d "key" .key -}}
{{- $_ := set $d "name" (include "kwp.destinationName" .) -}}
{{- $_ := set $d "files" (include "kwp.files" $d | fromJsonArray) -}}
{{- $_ := set $d "settings" (include "kwp.settings" (dict "root" .root "d" $d) | fromJson) -}}
{{- $_ := set $d "env" (include "kwp.env" $d | fromJsonArray) -}}
{{- $_ := set $d "longestStop" (include "kwp.longestStop" $d | float64) -}}
{{- $_ := set $d "grace" ($d.terminationGracePeriodSeconds | default (add 10 (ceil $d.longestStop))) -}}
{{- toJson $d -}}
{{- end -}}

{{/* The port of operators, and of probes. */}}
{{- define "kwp.adminPort" -}}
{{- dig "admin" "port" 8080 .settings | int -}}
{{- end -}}

{{/*
The longest that a stop may take: running requests finish, the last commit is acknowledged (5 s), the group
is left (10 s), the admin port closes (1 s), dead letters are flushed (10 s), their thread ends (10 s), and
where there are spans these are sent (3 s).
*/}}
{{- define "kwp.longestStop" -}}
{{- addf (dig "delivery" "drain_timeout" 25 .settings) (ternary 39 36 (not (empty (dig "tracing" "exporter" "" .settings)))) -}}
{{- end -}}

{{/*
The files out of Secrets, as a JSON list: `path` below /etc/webhook-processor/secrets, `secret`, `item`, and
the `setting` or the `header` that holds the path or, with `variable`, is read from the file.
*/}}
{{- define "kwp.files" -}}
{{- $files := list -}}
{{- $named := dig "kafka" "sasl_username" "" .config -}}
{{- $proxied := dig "destination" "proxy" "username" "" .config -}}
{{- with .secrets.kafkaSasl -}}
{{- if .existingSecret -}}
{{- if and .usernameKey (not $named) -}}
{{- $files = append $files (dict "path" "kafka/username" "secret" .existingSecret "item" .usernameKey "variable" "KAFKA__SASL_USERNAME") -}}
{{- end -}}
{{- $files = append $files (dict "path" "kafka/password" "secret" .existingSecret "item" .passwordKey "variable" "KAFKA__SASL_PASSWORD") -}}
{{- end -}}
{{- end -}}
{{- range $place := list
  (dict "tls" .secrets.kafkaTls "folder" "kafka" "section" (list "kafka") "prefix" "ssl_" "variable" "KAFKA__SSL_KEY_PASSWORD")
  (dict "tls" .secrets.destinationTls "folder" "destination" "section" (list "destination" "tls") "prefix" "" "variable" "DESTINATION__TLS__KEY_PASSWORD")
  (dict "tls" .secrets.destinationAuthTls "folder" "auth" "section" (list "destination" "auth" "tls") "prefix" "" "variable" "DESTINATION__AUTH__TLS__KEY_PASSWORD")
  (dict "tls" .secrets.schemaRegistryTls "folder" "registry" "section" (list "schema_registry" "tls") "prefix" "" "variable" "SCHEMA_REGISTRY__TLS__KEY_PASSWORD") -}}
{{- $tls := $place.tls -}}
{{- if $tls.existingSecret -}}
{{- range $item, $what := dict "caKey" (list "ca.crt" "ca_file") "certificateKey" (list "tls.crt" "certificate_file") "keyKey" (list "tls.key" "key_file") -}}
{{- if get $tls $item -}}
{{- $files = append $files (dict "path" (printf "%s/%s" $place.folder (first $what)) "secret" $tls.existingSecret "item" (get $tls $item)
    "setting" (append $place.section (printf "%s%s" $place.prefix (last $what)))) -}}
{{- end -}}
{{- end -}}
{{- if $tls.keyPasswordKey -}}
{{- $files = append $files (dict "path" (printf "%s/key-password" $place.folder) "secret" $tls.existingSecret "item" $tls.keyPasswordKey "variable" $place.variable) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- with .secrets.destinationAuth -}}
{{- if .existingSecret -}}
{{- $secret := .existingSecret -}}
{{- range $item, $name := dict
  "usernameKey" "username" "passwordKey" "password" "tokenKey" "token" "valueKey" "value" "clientIdKey" "client_id"
  "clientSecretKey" "client_secret" "privateKeyKey" "private_key" "accessKeyIdKey" "access_key_id"
  "secretAccessKeyKey" "secret_access_key" "sessionTokenKey" "session_token" -}}
{{- with get $.secrets.destinationAuth $item -}}
{{- $files = append $files (dict "path" (printf "auth/%s" $name) "secret" $secret "item" . "variable" (printf "DESTINATION__AUTH__%s" (upper $name))) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- with .secrets.schemaRegistry -}}
{{- if .existingSecret -}}
{{- $secret := .existingSecret -}}
{{- range $what := list
  (list .urlKey "url" "URL") (list .usernameKey "username" "USERNAME") (list .passwordKey "password" "PASSWORD")
  (list .tokenKey "token" "TOKEN") (list .oauthClientSecretKey "client-secret" "OAUTH__CLIENT_SECRET") -}}
{{- if first $what -}}
{{- $files = append $files (dict "path" (printf "registry/%s" (index $what 1)) "secret" $secret "item" (first $what) "variable" (printf "SCHEMA_REGISTRY__%s" (last $what))) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- with .secrets.proxy -}}
{{- if .existingSecret -}}
{{- $secret := .existingSecret -}}
{{- range $what := list (list .usernameKey "username" "USERNAME" $proxied) (list .passwordKey "password" "PASSWORD" "") -}}
{{- if and (first $what) (not (last $what)) -}}
{{- $files = append $files (dict "path" (printf "proxy/%s" (index $what 1)) "secret" $secret "item" (first $what) "variable" (printf "DESTINATION__PROXY__%s" (index $what 2))) -}}
{{- end -}}
{{- end -}}
{{- if .caKey -}}
{{- $files = append $files (dict "path" "proxy/ca.crt" "secret" $secret "item" .caKey "setting" (list "destination" "proxy" "ca_file")) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- with .secrets.adminToken -}}
{{- if .existingSecret -}}
{{- $files = append $files (dict "path" "admin/token" "secret" .existingSecret "item" .key "variable" "ADMIN__TOKEN") -}}
{{- end -}}
{{- end -}}
{{- range $name, $from := .secrets.headers -}}
{{- $files = append $files (dict "path" (printf "headers/%s" $name) "secret" $from.secret "item" $from.key "header" $name) -}}
{{- end -}}
{{- range $name, $from := .secrets.files -}}
{{- $files = append $files (dict "path" (printf "files/%s" $name) "secret" $from.secret "item" $from.key) -}}
{{- end -}}
{{- toJson $files -}}
{{- end -}}

{{/* The settings file, as JSON; lists that the chart looks into are lists. */}}
{{- define "kwp.settings" -}}
{{- $made := dict
  "destination" (dict "name" .d.key)
  "kafka" (dict "group_id" (printf "%s-%s-%s" .root.Release.Namespace .root.Release.Name .d.key)) -}}
{{- range .d.files -}}
{{- if .setting -}}
{{- $section := $made -}}
{{- range initial .setting -}}
{{- if not (hasKey $section .) -}}{{- $_ := set $section . dict -}}{{- end -}}
{{- $section = get $section . -}}
{{- end -}}
{{- $_ := set $section (last .setting) (printf "/etc/webhook-processor/secrets/%s" .path) -}}
{{- end -}}
{{- if .header -}}
{{- $header := dict .header (dict "from_file" (printf "/etc/webhook-processor/secrets/%s" .path)) -}}
{{- $_ := set $made.destination "headers" (merge $header ($made.destination.headers | default dict)) -}}
{{- end -}}
{{- end -}}
{{- $settings := include "kwp.merged" (dict "below" $made "above" .d.config) | fromJson -}}
{{- range $section, $names := dict "kafka" "topics" "destination" "allowed_hosts secret_headers" -}}
{{- range splitList " " $names -}}
{{- $said := get (get $settings $section) . -}}
{{- if kindIs "string" $said -}}
{{- $items := list -}}
{{- range splitList "," $said -}}{{- with trim . -}}{{- $items = append $items . -}}{{- end -}}{{- end -}}
{{- $_ := set (get $settings $section) . $items -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toJson $settings -}}
{{- end -}}

{{/* Whether the user's name has to stand in the environment, where KEDA can read it. */}}
{{- define "kwp.kedaNeedsUsername" -}}
{{- if and .keda.enabled .secrets.kafkaSasl.existingSecret (dig "kafka" "sasl_username" "" .config) -}}true{{- end -}}
{{- end -}}

{{/* What KEDA logs in with, as a JSON list: `way` (a list of a TriggerAuthentication's) and an item of it. */}}
{{- define "kwp.kedaCredentials" -}}
{{- $found := list -}}
{{- $parameters := dict "kafka/username" "username" "kafka/password" "password" "kafka/ca.crt" "ca" "kafka/tls.crt" "cert" "kafka/tls.key" "key" "kafka/key-password" "keyPassword" -}}
{{- range .files -}}
{{- $parameter := get $parameters .path -}}
{{- if $parameter -}}
{{- $found = append $found (dict "way" "secretTargetRef" "parameter" $parameter "name" .secret "key" .item) -}}
{{- end -}}
{{- end -}}
{{- if include "kwp.kedaNeedsUsername" . -}}
{{- $found = append $found (dict "way" "env" "parameter" "username" "name" "WEBHOOK_PROCESSOR__KAFKA__SASL_USERNAME" "containerName" "processor") -}}
{{- end -}}
{{- toJson $found -}}
{{- end -}}

{{/* The environment of the container, as a JSON list. */}}
{{- define "kwp.env" -}}
{{- $env := list (dict "name" "WEBHOOK_PROCESSOR_CONFIG" "value" "/etc/webhook-processor/config/settings.yaml") -}}
{{- range .files -}}
{{- if .variable -}}
{{- $env = append $env (dict "name" (printf "WEBHOOK_PROCESSOR__%s_FILE" .variable) "value" (printf "/etc/webhook-processor/secrets/%s" .path)) -}}
{{- end -}}
{{- end -}}
{{- if include "kwp.kedaNeedsUsername" . -}}
{{- $env = append $env (dict "name" "WEBHOOK_PROCESSOR__KAFKA__SASL_USERNAME" "value" (toString .config.kafka.sasl_username)) -}}
{{- end -}}
{{- range $name, $from := .secrets.env -}}
{{- $env = append $env (dict "name" $name "valueFrom" (dict "secretKeyRef" (dict "name" $from.secret "key" $from.key))) -}}
{{- end -}}
{{- toJson (concat $env .extraEnv) -}}
{{- end -}}

{{/* The resources of the container. */}}
{{- define "kwp.resources" -}}
{{- if .resources -}}
{{- toYaml .resources -}}
{{- else -}}
{{- $workers := int .workers -}}
{{- $mebibytes := add 256 (div (mul 4 (dig "delivery" "max_waiting_bytes" 67108864 .settings | int64)) 1048576) -}}
requests:
  cpu: {{ mul 250 $workers }}m
  memory: {{ mul 192 $workers }}Mi
limits:
  cpu: {{ $workers | quote }}
  memory: {{ mul $mebibytes $workers }}Mi
{{- end -}}
{{- end -}}

{{/* The ports that `urls` (URLs or `host:port`, a list) name, as a JSON list; `default` where one names none. */}}
{{- define "kwp.ports" -}}
{{- $ports := list -}}
{{- $default := .default -}}
{{- range .urls -}}
{{- $port := $default -}}
{{- if hasPrefix "http://" (lower .) -}}{{- $port = 80 -}}{{- else if hasPrefix "https://" (lower .) -}}{{- $port = 443 -}}{{- end -}}
{{- $authority := regexReplaceAll "^[A-Za-z]+://" (trim .) "" | regexFind "^[^/?#]*" -}}
{{- with regexFind ":[0-9]+$" $authority -}}{{- $port = trimPrefix ":" . -}}{{- end -}}
{{- $ports = append $ports (int $port) -}}
{{- end -}}
{{- $ports | uniq | toJson -}}
{{- end -}}

{{/* What the endpoint's ports are. */}}
{{- define "kwp.endpointPorts" -}}
{{- if .networkPolicy.endpointPorts -}}
{{- toJson .networkPolicy.endpointPorts -}}
{{- else -}}
{{- $url := include "kwp.url" . -}}
{{- $other := include "kwp.ports" (dict "urls" (list $url | compact) "default" 443) | fromJsonArray | first | default 443 -}}
{{- include "kwp.ports" (dict "urls" (concat (list $url | compact) (dig "destination" "allowed_hosts" list .settings)) "default" $other) -}}
{{- end -}}
{{- end -}}

{{/* What the proxy's ports are; none where there is no proxy, as far as the settings file says it. */}}
{{- define "kwp.proxyPorts" -}}
{{- if .networkPolicy.proxyPorts -}}
{{- toJson .networkPolicy.proxyPorts -}}
{{- else -}}
{{- include "kwp.ports" (dict "urls" (dig "destination" "proxy" "url" "" .settings | toString | list | compact) "default" 80) -}}
{{- end -}}
{{- end -}}

{{/* Whether the endpoint itself is spoken to: there is no proxy, or one with exceptions. */}}
{{- define "kwp.speaksToEndpoint" -}}
{{- if or .networkPolicy.endpointPorts (dig "destination" "proxy" "no_proxy" "" .settings) (not (include "kwp.proxyPorts" . | fromJsonArray)) -}}true{{- end -}}
{{- end -}}

{{/* What the brokers' ports are. */}}
{{- define "kwp.kafkaPorts" -}}
{{- if .networkPolicy.kafkaPorts -}}
{{- toJson .networkPolicy.kafkaPorts -}}
{{- else -}}
{{- include "kwp.ports" (dict "urls" (dig "kafka" "bootstrap_servers" "" .settings | splitList "," | compact) "default" 9092) -}}
{{- end -}}
{{- end -}}

{{/* Whether values name their schemas in a registry, as far as the settings file says it. */}}
{{- define "kwp.usesRegistry" -}}
{{- if or (eq (dig "record" "value" "json" .settings | toString) "registry") .networkPolicy.registryPorts -}}true{{- end -}}
{{- end -}}

{{/* What the ports of the schema registry are, and of who gives tokens for it. */}}
{{- define "kwp.registryPorts" -}}
{{- if .networkPolicy.registryPorts -}}
{{- toJson .networkPolicy.registryPorts -}}
{{- else -}}
{{- $urls := dig "schema_registry" "url" "" .settings | toString | splitList "," -}}
{{- $urls = append $urls (dig "schema_registry" "oauth" "token_url" "" .settings | toString) -}}
{{- include "kwp.ports" (dict "urls" (compact $urls) "default" 443) -}}
{{- end -}}
{{- end -}}

{{/* What the ports of the collector of spans are. */}}
{{- define "kwp.tracingPorts" -}}
{{- if .networkPolicy.tracingPorts -}}
{{- toJson .networkPolicy.tracingPorts -}}
{{- else -}}
{{- $urls := list -}}
{{- range .extraEnv -}}
{{- if and .value (has .name (list "OTEL_EXPORTER_OTLP_ENDPOINT" "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")) -}}
{{- $urls = append $urls .value -}}
{{- end -}}
{{- end -}}
{{- include "kwp.ports" (dict "urls" ($urls | default (list ":4318")) "default" 4318) -}}
{{- end -}}
{{- end -}}

{{/* What the ports are of who gives tokens or keys for the endpoint; empty: nobody does. */}}
{{- define "kwp.tokenPorts" -}}
{{- $auth := dig "destination" "auth" dict .settings -}}
{{- if .networkPolicy.tokenPorts -}}
{{- toJson .networkPolicy.tokenPorts -}}
{{- else if eq (toString $auth.type) "oauth2" -}}
{{- include "kwp.ports" (dict "urls" (list (toString $auth.token_url)) "default" 443) -}}
{{- else if eq (toString $auth.type) "aws_sigv4" -}}
[443]
{{- else -}}
[]
{{- end -}}
{{- end -}}

{{/* Everywhere but where clouds keep the credentials of a machine, and what is as near as they are. */}}
{{- define "kwp.anywhere" -}}
- ipBlock:
    cidr: 0.0.0.0/0
    except: [169.254.0.0/16, 168.63.129.16/32, 100.100.100.200/32]
- ipBlock:
    cidr: ::/0
    except: ["fe80::/10", "fd00:ec2::/32", "fd20:ce::254/128"]
- namespaceSelector: {}
{{- end -}}

{{/* The endpoint's URL where it can be seen: not out of the environment, nor where it refers to something. */}}
{{- define "kwp.url" -}}
{{- $url := dig "destination" "url" "" .settings -}}
{{- if kindIs "string" $url -}}{{- $url -}}{{- end -}}
{{- end -}}
