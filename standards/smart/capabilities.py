"""Names of what a SMART server can do, as smart-configuration lists them (SMART App Launch 2.2, conformance)."""

from __future__ import annotations

from typing import Final

LAUNCH_EHR: Final = "launch-ehr"
LAUNCH_STANDALONE: Final = "launch-standalone"
AUTHORIZE_POST: Final = "authorize-post"
CLIENT_PUBLIC: Final = "client-public"
CLIENT_CONFIDENTIAL_SYMMETRIC: Final = "client-confidential-symmetric"
CLIENT_CONFIDENTIAL_ASYMMETRIC: Final = "client-confidential-asymmetric"
SSO_OPENID_CONNECT: Final = "sso-openid-connect"
CONTEXT_BANNER: Final = "context-banner"
CONTEXT_STYLE: Final = "context-style"
CONTEXT_EHR_PATIENT: Final = "context-ehr-patient"
CONTEXT_EHR_ENCOUNTER: Final = "context-ehr-encounter"
CONTEXT_STANDALONE_PATIENT: Final = "context-standalone-patient"
CONTEXT_STANDALONE_ENCOUNTER: Final = "context-standalone-encounter"
PERMISSION_OFFLINE: Final = "permission-offline"
PERMISSION_ONLINE: Final = "permission-online"
PERMISSION_PATIENT: Final = "permission-patient"
PERMISSION_USER: Final = "permission-user"
PERMISSION_V1: Final = "permission-v1"
PERMISSION_V2: Final = "permission-v2"
SMART_APP_STATE: Final = "smart-app-state"
