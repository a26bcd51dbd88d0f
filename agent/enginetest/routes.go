package enginetest

import (
	"fmt"
	"net/http"
	"slices"
)

// route is one endpoint. Device routes demand a device's bearer token first.
type route struct {
	path    string
	methods []string
	device  bool
	serve   handler
}

func (e *Engine) routeTable() []route {
	get, post, both := []string{"GET"}, []string{"POST"}, []string{"GET", "POST"}
	table := []route{
		{"/health", get, false, e.health},
		{"/api/agent/enroll/request", post, false, e.enrollRequest},
		{"/api/agent/enroll/poll", post, false, e.enrollPoll},
		{"/api/agent/token/refresh", post, false, e.refresh},
		{"/api/agent/heartbeat", post, true, e.heartbeat},
		{"/api/agent/details", post, true, e.details},
		{"/api/agent/script/request", post, true, e.scriptRequest},
		{"/api/agent/hash", both, true, e.agentHash},
	}
	if !e.cfg.OnDemand {
		table = append(table, route{"/api/agent/vpn/ensure", post, true, e.vpnEnsure})
	}
	return append(table, e.operatorRoutes()...)
}

func (e *Engine) health(*http.Request) (answer, error) { return ok(object{"status": "ok"}), nil }

// handle serves one request: faults first, then Socket.IO, then the endpoints.
func (e *Engine) handle(w http.ResponseWriter, r *http.Request) {
	if f := e.faults.at(r.URL.Path); f != nil && f(w, r) {
		return
	}
	if r.URL.Path == socketPath {
		e.hub.server.ServeHTTP(w, r)
		return
	}
	i := slices.IndexFunc(e.routes, func(t route) bool { return t.path == r.URL.Path })
	if i < 0 || !slices.Contains(e.routes[i].methods, r.Method) {
		e.serveOther(w, r, i >= 0)
		return
	}
	e.serveRoute(w, r, e.routes[i])
}

func (e *Engine) serveRoute(w http.ResponseWriter, r *http.Request, t route) {
	serve := t.serve
	if t.device {
		serve = e.authenticated(serve)
	}
	a, err := serve(r)
	if err != nil {
		e.log.Error("request", "path", r.URL.Path, "error", err)
		a = refuse(http.StatusInternalServerError, "internal error")
	}
	a.write(w)
}

// serveOther answers what no route takes. With a web interface a catch-all GET route matches every path: its page
// answers any GET, and other methods find a route that does not take them.
func (e *Engine) serveOther(w http.ResponseWriter, r *http.Request, known bool) {
	reading := r.Method == http.MethodGet || r.Method == http.MethodHead
	switch {
	case e.cfg.WebUI && reading:
		writePage(w, http.StatusOK, "Borealis")
	case e.cfg.WebUI || known:
		writePage(w, http.StatusMethodNotAllowed, "Method Not Allowed")
	default:
		writePage(w, http.StatusNotFound, "Not Found")
	}
}

func writePage(w http.ResponseWriter, status int, title string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	fmt.Fprintf(w, "<!doctype html>\n<title>%[1]s</title>\n<h1>%[1]s</h1>\n", title)
}
