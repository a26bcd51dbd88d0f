package socketio_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// nginxConfig is how operators put nginx before an Engine: TLS on both sides, upgrades passed on, bodies as large as the
// Engine takes, and a patience that is longer than the Engine's pings are apart. It runs as one process of whoever starts it.
const nginxConfig = `
daemon off;
master_process off;
pid %[1]s/pid;
error_log stderr crit;
events { worker_connections 256; }
http {
  access_log off;
  client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy;
  fastcgi_temp_path %[1]s/fastcgi; uwsgi_temp_path %[1]s/uwsgi; scgi_temp_path %[1]s/scgi;
  client_max_body_size 100m;
  map $http_upgrade $connection_upgrade { default upgrade; "" ""; }
  server {
    listen %[2]s ssl;
    ssl_certificate %[3]s;
    ssl_certificate_key %[4]s;
    location / {
      proxy_pass %[5]s;
      proxy_http_version 1.1;
      proxy_set_header Host $http_host;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_upgrade;
      proxy_buffering off;
      proxy_read_timeout 90s;
    }
  }
}
`

// nginx gives the address of an nginx before a server. It ends with the test.
func nginx(t testing.TB, a *authority, server string) string {
	t.Helper()
	path, err := exec.LookPath("nginx")
	if err != nil {
		path = "/usr/sbin/nginx" // which is not on everybody's path
		_, err = os.Stat(path)
	}
	need(t, "nginx", err == nil)
	dir, address := t.TempDir(), "127.0.0.1:"+freePort(t)
	config := filepath.Join(dir, "nginx.conf")
	text := fmt.Sprintf(nginxConfig, dir, address, a.cert, a.key, server)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	// nginx does not look at its input: a shell ends it.
	script := `"$@" & nginx=$!; cat >/dev/null; kill $nginx; wait $nginx`
	run(t, "sh", "-c", script, "sh", path, "-e", "stderr", "-p", dir, "-c", config)
	eventually(t, "nginx listens", func() bool {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	return "https://" + address
}
