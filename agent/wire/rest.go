package wire

import "encoding/json"

// The REST paths of the Engine that the agent itself posts to.
const (
	PathEnrollRequest = "/api/agent/enroll/request"
	PathEnrollPoll    = "/api/agent/enroll/poll"
	PathTokenRefresh  = "/api/agent/token/refresh"
	PathHeartbeat     = "/api/agent/heartbeat"
	PathScriptRequest = "/api/agent/script/request"
	PathDetails       = "/api/agent/details"
	PathHash          = "/api/agent/hash"
	PathTunnelEnsure  = "/api/agent/vpn/ensure"
)

// The values of status in enrollment answers.
const (
	StatusPending   = "pending"
	StatusApproved  = "approved"
	StatusCompleted = "completed" // a synonym of approved
	StatusDenied    = "denied"
	StatusExpired   = "expired"
	StatusUnknown   = "unknown"
)

// EnrollRequest asks for a place in the operator's queue of devices to approve.
type EnrollRequest struct {
	Hostname       string `json:"hostname"`
	EnrollmentCode string `json:"enrollment_code"`
	AgentPubkey    string `json:"agent_pubkey"` // standard base64 of the SPKI DER
	ClientNonce    string `json:"client_nonce"` // strict padded standard base64, at least 16 bytes
}

// EnrollTicket answers an EnrollRequest: what to poll with, and what to trust from here on.
type EnrollTicket struct {
	Status            string `json:"status"`
	ApprovalReference string `json:"approval_reference"`
	ServerNonce       string `json:"server_nonce"`
	PollAfterMS       Number `json:"poll_after_ms"`
	ServerCertificate string `json:"server_certificate"` // PEM bundle, may be empty
	SigningKey        string `json:"signing_key"`        // base64 SPKI, may be empty
	AutoApproved      bool   `json:"auto_approved,omitempty"`
}

// EnrollPoll asks whether the operator has decided, with a proof that the asker holds the key.
type EnrollPoll struct {
	ApprovalReference string `json:"approval_reference"`
	ClientNonce       string `json:"client_nonce"` // the text of the request, to the letter
	ProofSig          string `json:"proof_sig"`
}

// EnrollDecision answers an EnrollPoll. The tokens come exactly once.
type EnrollDecision struct {
	Status            string `json:"status"`
	PollAfterMS       Number `json:"poll_after_ms,omitempty"`
	Reason            string `json:"reason,omitempty"` // with denied
	Detail            string `json:"detail,omitempty"` // "finalized" when the tokens were handed out earlier
	GUID              string `json:"guid,omitempty"`
	AccessToken       string `json:"access_token,omitempty"`
	ExpiresIn         Number `json:"expires_in,omitempty"` // seconds
	RefreshToken      string `json:"refresh_token,omitempty"`
	TokenType         string `json:"token_type,omitempty"`
	ServerCertificate string `json:"server_certificate,omitempty"`
	SigningKey        string `json:"signing_key,omitempty"`
}

// RefreshRequest asks for a new access token. The GUID is compared to the letter.
type RefreshRequest struct {
	GUID         string `json:"guid"`
	RefreshToken string `json:"refresh_token"`
}

// RefreshAnswer brings a new access token; the refresh token stays what it was.
type RefreshAnswer struct {
	AccessToken string `json:"access_token"`
	ExpiresIn   Number `json:"expires_in"` // seconds
	TokenType   string `json:"token_type"`
}

// Heartbeat says that the device lives. The Engine takes the device from the token, not from GUID.
type Heartbeat struct {
	GUID     string  `json:"guid"`
	Hostname string  `json:"hostname"`
	Metrics  Metrics `json:"metrics"`
	// Inventory is left out when nil; the heartbeat after a socket connect sends it empty.
	Inventory map[string]json.RawMessage `json:"inventory,omitzero"`
	// RoleHealth is for later Engines; those of the contract leave fields alone that they do not know.
	RoleHealth *RoleHealth `json:"agent_role_health,omitempty"`
}

// RoleHealth is how a device's roles are.
type RoleHealth struct {
	Roles      []RoleState `json:"roles"`
	ReportedAt int64       `json:"reported_at"` // Unix seconds
}

// RoleState is how one role is.
type RoleState struct {
	ID        string `json:"role_id"` // context:name
	Name      string `json:"role_name"`
	Label     string `json:"role_label"`
	Context   string `json:"context"`
	Code      string `json:"status_code"` // "healthy", "recovering", "unhealthy" or "pending"
	Status    string `json:"status"`      // the same, for people
	Detail    string `json:"detail"`
	CheckedAt int64  `json:"last_checked_at"` // Unix seconds
}

// Metrics is the state of the machine in a heartbeat.
type Metrics struct {
	ServiceMode   string  `json:"service_mode"`
	Uptime        int64   `json:"uptime"` // seconds
	Hostname      string  `json:"hostname"`
	Username      string  `json:"username"`
	CPUPercent    float64 `json:"cpu_percent"`
	MemoryPercent float64 `json:"memory_percent"`
}

// HeartbeatAnswer acknowledges a Heartbeat.
type HeartbeatAnswer struct {
	Status      string `json:"status"`
	PollAfterMS Number `json:"poll_after_ms"`
}

// ScriptRequest polls for work, which no known Engine hands out here.
type ScriptRequest struct {
	GUID string `json:"guid"`
}

// ScriptAnswer answers a ScriptRequest. Without a script, its signing key replaces the stored one.
type ScriptAnswer struct {
	Status      string `json:"status"` // "idle", or "quarantined" when the device is not active
	PollAfterMS Number `json:"poll_after_ms"`
	SigAlg      string `json:"sig_alg"`
	SigningKey  string `json:"signing_key"`
	Script      string `json:"script,omitempty"`
	Signature   string `json:"signature,omitempty"`
}

// Details carries the inventory. Details keeps its text: the inventory's makers own its shape.
type Details struct {
	AgentID   string          `json:"agent_id"`
	Hostname  string          `json:"hostname"`
	Details   json.RawMessage `json:"details"`
	AgentHash string          `json:"agent_hash,omitempty"`
}

// HashReport says what the agent on a device was built from. It is for updaters.
type HashReport struct {
	AgentHash string `json:"agent_hash"`
	AgentID   string `json:"agent_id"`
	AgentGUID string `json:"agent_guid"` // must be the token's
}

// TunnelEnsure asks for the device's tunnel, which is made if there is none. The answer is what vpn_tunnel_start
// carries.
type TunnelEnsure struct {
	AgentID string `json:"agent_id"`
	Reason  string `json:"reason"` // ReasonBoot
}

// ReasonBoot is the one reason that agents give for asking for a tunnel. No Engine reads it.
const ReasonBoot = "agent_boot"

// Failure is the body of an answer that is not 2xx.
type Failure struct {
	Error      string `json:"error"`
	Detail     string `json:"detail,omitempty"`
	Status     string `json:"status,omitempty"` // some enrollment failures have only this
	RetryAfter Number `json:"retry_after,omitempty"`
}

// Word is the one word that names the failure: its error, else its status.
func (f Failure) Word() string {
	if f.Error != "" {
		return f.Error
	}
	return f.Status
}
