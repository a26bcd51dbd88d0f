package lockdown

var platformMissing = []string{"restricted token: not built yet"}
