// Package service installs, starts, stops and runs the agent as a service of the operating system
// (systemd, Windows SCM, launchd). The room is empty until the service commands move in; nothing
// imports it.
package service
