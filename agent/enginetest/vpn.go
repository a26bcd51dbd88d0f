package enginetest

import (
	"database/sql"
	"net/http"
)

// vpnEnsure answers POST /api/agent/vpn/ensure as an Engine without WireGuard does. The stored agent id counts, not the
// one in the request.
func (e *Engine) vpnEnsure(r *http.Request) (answer, error) {
	caller, found := callerOf(r)
	if !found {
		return noCaller(), nil
	}
	var agentID string
	err := e.store.tx(func(tx *sql.Tx) error {
		d, err := findDevice(tx, `guid = ?`, caller.GUID)
		if d != nil {
			agentID = d.agentID
		}
		return err
	})
	if err != nil {
		return answer{}, err
	}
	if asked := readTyped(r).text("agent_id"); asked != "" && asked != agentID {
		e.log.Warn("tunnel asked for another agent id", "asked", asked, "stored", agentID)
	}
	if agentID == "" {
		return refuse(http.StatusNotFound, "agent_id_missing"), nil
	}
	body := object{"error": "tunnel_start_failed", "detail": "this Engine runs no WireGuard"}
	return answer{status: http.StatusInternalServerError, body: body}, nil
}
