// Package tunnel runs WireGuard sessions in user space (netstack or TUN) and forwards the ports that the
// Engine allowed. The room is empty until the tunnel roles move in; nothing imports it.
package tunnel
