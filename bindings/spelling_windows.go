package bindings

// Native is the spelling of this system.
const Native = Windows
