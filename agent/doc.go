// Command borealis-agent is the long-running core on a managed machine: it holds the device's identity, its tokens and
// sockets, dials out to its Engine, and carries out for the roles what their grants cover. Each subcommand is a file of
// its own here, and this is the only package in which all parts meet. It never runs Lua; workers do.
package main
