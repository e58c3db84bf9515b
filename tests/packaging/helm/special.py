"""What may stand in those values of the chart whose default does not tell it."""

from collections.abc import Mapping
from typing import Any

Schema = dict[str, Any]

CORE, NETWORK, SCALING = "io.k8s.api.core.v1.", "io.k8s.api.networking.v1.", "io.k8s.api.autoscaling.v2."

NAME = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
VARIABLE = "^[A-Za-z_][A-Za-z0-9_]*$"
REFERENCE: Schema = {
    "anyOf": [
        {"type": "string"},
        *(
            {
                "type": "object",
                "additionalProperties": False,
                "required": [way],
                "properties": {way: {"type": "string", "minLength": 1}},
            }
            for way in ("from_env", "from_file")
        ),
    ]
}
TEXTS: Schema = {"type": "object", "additionalProperties": {"type": "string"}}
COUNT: Schema = {"type": "integer", "minimum": 1}
NUMERAL: Schema = {"type": "string", "pattern": "^[0-9]+$"}
PORTS: Schema = {"type": "array", "items": {"type": "integer", "minimum": 1, "maximum": 65535}}
SHARE: Schema = {"type": ["integer", "string", "null"], "minimum": 0, "pattern": "^[0-9]+%$"}
OBJECTS: Schema = {"type": "array", "items": {"type": "object"}}
RULE: Schema = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "expr": {"type": "string"},
        "for": {"type": "string"},
        "keep_firing_for": {"type": "string"},
        "labels": TEXTS,
        "annotations": TEXTS,
    },
}


def kubernetes(name: str) -> Schema:
    """What Kubernetes calls `name`."""
    return {"$ref": f"#/definitions/{name}"}


def many(schema: Schema) -> Schema:
    """A list of it."""
    return {"type": "array", "items": schema}


def strict(**properties: Schema) -> Schema:
    """A mapping with these members only."""
    return {"type": "object", "additionalProperties": False, "properties": properties}


def named(schema: Schema, names: str) -> Schema:
    """A mapping of such names to it."""
    return {"type": "object", "propertyNames": {"pattern": names}, "additionalProperties": schema}


FROM_SECRET: Schema = strict(
    secret={"type": "string", "minLength": 1}, key={"type": "string", "minLength": 1}
) | {"required": ["secret", "key"]}

SPECIAL: Mapping[str, Schema] = {
    "fullnameOverride": {"type": "string", "pattern": "^([a-z]([-a-z0-9]*[a-z0-9])?)?$", "maxLength": 63},
    "commonLabels": TEXTS,
    "commonAnnotations": TEXTS,
    "destinations": named({"$ref": "#/definitions/destination"}, NAME)
    | {"propertyNames": {"pattern": NAME, "maxLength": 63}},
    "defaults.config": {"$ref": "#/definitions/Settings"},
    "defaults.secrets.headers": named(FROM_SECRET, "^[A-Za-z0-9-]+$"),
    "defaults.secrets.env": named(FROM_SECRET, VARIABLE),
    "defaults.secrets.files": named(FROM_SECRET, "^[A-Za-z0-9][A-Za-z0-9._-]*$"),
    "defaults.image.repository": {"type": "string", "minLength": 1},
    "defaults.image.digest": {"type": "string", "pattern": "^(sha256:[0-9a-f]{64})?$"},
    "defaults.image.pullPolicy": {"enum": ["Always", "IfNotPresent", "Never"]},
    "defaults.imagePullSecrets": many(strict(name={"type": "string"})),
    "defaults.replicas": {"type": "integer", "minimum": 0},
    "defaults.workers": COUNT | {"maximum": 256},
    "defaults.resources": kubernetes(f"{CORE}ResourceRequirements"),
    "defaults.terminationGracePeriodSeconds": {"type": ["integer", "null"], "minimum": 1},
    "defaults.strategy.type": {"enum": ["RollingUpdate", "Recreate"]},
    "defaults.strategy.rollingUpdate.maxSurge": SHARE,
    "defaults.strategy.rollingUpdate.maxUnavailable": SHARE,
    "defaults.minReadySeconds": {"type": "integer", "minimum": 0},
    "defaults.revisionHistoryLimit": {"type": "integer", "minimum": 0},
    **{
        f"defaults.probes.{probe}": strict(
            **dict.fromkeys(("periodSeconds", "timeoutSeconds", "failureThreshold"), COUNT),
            initialDelaySeconds={"type": "integer", "minimum": 0},
        )
        for probe in ("startup", "liveness", "readiness")
    },
    "defaults.deploymentAnnotations": TEXTS,
    "defaults.podAnnotations": TEXTS,
    "defaults.podLabels": TEXTS,
    "defaults.podSecurityContext": kubernetes(f"{CORE}PodSecurityContext"),
    "defaults.securityContext": kubernetes(f"{CORE}SecurityContext"),
    "defaults.topologySpreadConstraints": many(kubernetes(f"{CORE}TopologySpreadConstraint")),
    "defaults.affinity": kubernetes(f"{CORE}Affinity"),
    "defaults.tolerations": many(kubernetes(f"{CORE}Toleration")),
    "defaults.nodeSelector": TEXTS,
    "defaults.extraEnv": many(kubernetes(f"{CORE}EnvVar")),
    "defaults.extraEnvFrom": many(kubernetes(f"{CORE}EnvFromSource")),
    "defaults.extraVolumes": many(kubernetes(f"{CORE}Volume")),
    "defaults.extraVolumeMounts": many(kubernetes(f"{CORE}VolumeMount")),
    "defaults.initContainers": many(kubernetes(f"{CORE}Container")),
    "defaults.letters.args": many({"type": "string"}),
    "defaults.letters.backoffLimit": {"type": "integer", "minimum": 0},
    "defaults.letters.activeDeadlineSeconds": {"type": ["integer", "null"], "minimum": 1},
    "defaults.letters.ttlSecondsAfterFinished": {"type": ["integer", "null"], "minimum": 0},
    "defaults.podDisruptionBudget.maxUnavailable": SHARE,
    "defaults.podDisruptionBudget.minAvailable": SHARE,
    "defaults.hpa.metrics": many(kubernetes(f"{SCALING}MetricSpec")),
    "defaults.hpa.minReplicas": COUNT,
    "defaults.hpa.maxReplicas": COUNT,
    "defaults.hpa.cpuMillicores": COUNT,
    **{
        f"defaults.{by}.behavior": kubernetes(f"{SCALING}HorizontalPodAutoscalerBehavior")
        for by in ("hpa", "keda")
    },
    "defaults.keda.minReplicas": {"type": "integer", "minimum": 0},
    "defaults.keda.maxReplicas": COUNT,
    "defaults.keda.lagThreshold": NUMERAL | {"pattern": "^[1-9][0-9]*$"},
    "defaults.keda.activationLagThreshold": NUMERAL,
    "defaults.keda.pollingInterval": COUNT,
    "defaults.keda.cooldownPeriod": COUNT,
    "defaults.keda.version": {"type": "string", "pattern": r"^[0-9]+\.[0-9]+\.[0-9]+$"},
    "defaults.keda.topics": many({"type": "string", "minLength": 1}),
    "defaults.keda.authenticationRef": strict(
        name={"type": "string"}, kind={"enum": ["TriggerAuthentication", "ClusterTriggerAuthentication"]}
    ),
    "defaults.keda.fallback": strict(
        failureThreshold=COUNT,
        replicas={"type": "integer", "minimum": 0},
        behavior={"enum": ["static", "currentReplicas", "currentReplicasIfHigher", "currentReplicasIfLower"]},
    ),
    "defaults.service.port": {"type": "integer", "minimum": 1, "maximum": 65535},
    "defaults.service.annotations": TEXTS,
    **{
        f"defaults.{kind}.{member}": schema
        for kind in ("serviceMonitor", "podMonitor")
        for member, schema in (
            ("interval", {"type": "string", "pattern": "^([0-9]+(ms|s|m|h))*$"}),
            ("scrapeTimeout", {"type": "string", "pattern": "^([0-9]+(ms|s|m|h))*$"}),
            ("labels", TEXTS),
            ("relabelings", OBJECTS),
            ("metricRelabelings", OBJECTS),
        )
    },
    "defaults.networkPolicy.ingressFrom": many(kubernetes(f"{NETWORK}NetworkPolicyPeer")),
    "defaults.networkPolicy.kafkaTo": many(kubernetes(f"{NETWORK}NetworkPolicyPeer")),
    "defaults.networkPolicy.endpointTo": many(kubernetes(f"{NETWORK}NetworkPolicyPeer")),
    "defaults.networkPolicy.proxyTo": many(kubernetes(f"{NETWORK}NetworkPolicyPeer")),
    "defaults.networkPolicy.proxyPorts": PORTS,
    "defaults.networkPolicy.tracingTo": many(kubernetes(f"{NETWORK}NetworkPolicyPeer")),
    "defaults.networkPolicy.tracingPorts": PORTS,
    "defaults.networkPolicy.registryTo": many(kubernetes(f"{NETWORK}NetworkPolicyPeer")),
    "defaults.networkPolicy.registryPorts": PORTS,
    "defaults.networkPolicy.tokenTo": many(kubernetes(f"{NETWORK}NetworkPolicyPeer")),
    "defaults.networkPolicy.tokenPorts": PORTS,
    "defaults.networkPolicy.kafkaPorts": PORTS,
    "defaults.networkPolicy.endpointPorts": PORTS,
    "defaults.networkPolicy.extraEgress": many(kubernetes(f"{NETWORK}NetworkPolicyEgressRule")),
    "defaults.networkPolicy.extraIngress": many(kubernetes(f"{NETWORK}NetworkPolicyIngressRule")),
    "serviceAccount.annotations": TEXTS,
    "prometheusRule.labels": TEXTS,
    "prometheusRule.disabled": many({"type": "string"}),
    "prometheusRule.overrides": {"type": "object", "additionalProperties": RULE},
    "dashboard.labels": TEXTS,
    "dashboard.annotations": TEXTS,
    "extraManifests": {"type": "array", "items": {"type": ["object", "string"]}},
}
"""What the default of a value does not tell."""
