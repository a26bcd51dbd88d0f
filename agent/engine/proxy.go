package engine

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// proxyFunc finds the proxy of a request, nil when there is none.
type proxyFunc func(*http.Request) (*url.URL, error)

// proxyDirect is the value of the setting that goes past every proxy of the environment.
const proxyDirect = "direct"

// chooseProxy is the configuration's proxy, else that of the setting "proxy", else those of the environment.
func chooseProxy(cfg Config) (proxyFunc, error) {
	if cfg.Proxy != nil {
		return cfg.Proxy, nil
	}
	doc, err := cfg.Tree.Document(cfg.Label)
	if err != nil {
		return nil, err
	}
	text := doc.Text("proxy")
	switch {
	case strings.EqualFold(text, proxyDirect):
		return nil, nil
	case text == "":
		return fromEnvironment, nil
	}
	proxy, err := parseProxy(text)
	if err != nil {
		return nil, fmt.Errorf("setting %q: %w", "proxy", err)
	}
	return http.ProxyURL(proxy), nil
}

func fromEnvironment(r *http.Request) (*url.URL, error) {
	proxy, err := http.ProxyFromEnvironment(r)
	if err != nil {
		return nil, errors.New("the proxy of the environment is not a URL") // Go's error quotes it, password and all
	}
	if proxy == nil {
		return nil, nil
	}
	return proxy, checkProxy(proxy)
}

// parseProxy reads the URL of a proxy. Its errors do not quote it: it may hold a password.
func parseProxy(text string) (*url.URL, error) {
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	proxy, err := url.Parse(text)
	if err != nil {
		return nil, errors.New("not a URL")
	}
	return proxy, checkProxy(proxy)
}

// checkProxy refuses TLS to the proxy itself: it would be verified under the Engine's pinned roots, which no proxy has.
// What goes through a proxy is TLS to the Engine in any case.
func checkProxy(proxy *url.URL) error {
	switch strings.ToLower(proxy.Scheme) {
	case "http", "socks5", "socks5h":
	default:
		return fmt.Errorf("a proxy with the scheme %q is not supported: want http, socks5 or socks5h", proxy.Scheme)
	}
	if proxy.Hostname() == "" {
		return errors.New("the proxy's URL names no host")
	}
	return nil
}
