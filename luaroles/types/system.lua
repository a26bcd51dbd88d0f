---@meta

--- The machine: what it is made of, what runs on it, and who uses it.
---
--- Every function measures anew, and gives the same fields in the same units on every system; a field that the system
--- does not know is nil, a text that it does not know is "". What becomes of the figures is the role's business. A role
--- needs the grant `system`; `system:NAME` narrows it to one function, and may be listed several times.
---
--- Codes: `unsupported` for what this machine cannot be asked, `denied` for a function that a narrowed grant does not
--- cover, `cancelled` when the role is ending, `failed` for what the system refuses; the message says what.
---
--- ```lua
--- local host = assert(system.host())
--- log.info("up", { name = host.name, hours = math.floor(host.uptime / 3600) })
--- ```
---@class systemlib
system = {}

---@class system.Host
---@field name string The host name.
---@field domain string The part of the full name behind it; on Windows that of the directory, else the work group.
---@field user string Whom the agent runs as.
---@field boot_time number When the machine started, in Unix seconds.
---@field uptime number Seconds since then.

---@class system.Platform
---@field family "linux"|"windows"|"darwin" The kind of system.
---@field id string The distribution, as os-release has it ("debian", "rhel", "alpine"), else "windows" or "macos".
---@field name string For people: "Debian GNU/Linux 12 (bookworm)", "Microsoft Windows 11 Pro 23H2 Build 22631.3007".
---@field version string "12", "9.4", "23H2".
---@field kernel string The kernel's release.
---@field architecture string As uname has it: "x86_64", "aarch64".
---@field server boolean The edition is one for servers, as far as the system says.
---@field graphical boolean People log in at its screen, as far as it is set up.

---@class system.Hardware
---@field manufacturer string
---@field model string
---@field version string What the maker adds to the model.
---@field serial string
---@field uuid string In lower case.
---@field board_serial string
---@field chassis_serial string
---@field chassis ""|"desktop"|"notebook"|"tablet"|"server"
---@field virtual string The kind of virtual machine ("kvm", "vmware", "hyperv", "other"); "" for a real one.
---@field container string The kind of container ("docker", "lxc"); "" outside of any.

---@class system.Cpu
---@field name string
---@field sockets? integer
---@field physical_cores? integer
---@field logical_cores? integer
---@field base_ghz? number The clock that the maker promises; where the system hides it, one that was measured.

---@class system.Memory
---@field total_bytes integer What the system can use.
---@field modules system.Module[] What is plugged in, as the firmware tells; empty where it does not.

---@class system.Module
---@field slot string
---@field bank string
---@field manufacturer string
---@field part string
---@field serial string
---@field bytes integer
---@field speed_mts? integer Million transfers a second, which makers write as MT/s or MHz.

---@class system.Volume
---@field device string "/dev/sda1", "C:".
---@field mount string Where it is mounted, the first place when there are several.
---@field file_system string
---@field removable boolean
---@field read_only boolean
---@field total_bytes integer
---@field free_bytes integer What users can still write.
---@field used_bytes integer

---@class system.Interface
---@field name string
---@field mac string "" for one that has none.
---@field ipv4 string[]
---@field ipv6 string[] Without those that are only for their own link.
---@field up boolean
---@field loopback boolean
---@field speed_mbps? integer

---@class system.Installed
---@field name string
---@field version string
---@field source "dpkg"|"rpm"|"apk"|"flatpak"|"snap"|"local_installed"|"receipt" Who keeps the record.
---@field publisher string

---@class system.Session
---@field user string
---@field terminal string
---@field from string The other machine, for one who is not here.
---@field since? number Unix seconds.
---@field active boolean It is the one in front.

---@class system.Login
---@field user string On Windows with the domain: "LAB\mira".
---@field at? number Unix seconds.

--- Tells what the machine is called and since when it is up.
---@async
---@return system.Host? host
---@return string? message
---@return string? code
function system.host() end

--- Tells which operating system this is.
---@async
---@return system.Platform? platform
---@return string? message
---@return string? code
function system.platform() end

--- Tells who made the machine, and what kind of machine it is.
---
--- What makers leave unfilled ("To be filled by O.E.M.") is "". On macOS only the model is known.
---
--- ```lua
--- local hardware, message = system.hardware()
--- if hardware and hardware.virtual ~= "" then
---   log.info("a guest", { of = hardware.virtual })
--- end
--- ```
---@async
---@return system.Hardware? hardware
---@return string? message
---@return string? code
function system.hardware() end

--- Tells what the processors are, which are taken to be alike.
---@async
---@return system.Cpu? cpu
---@return string? message
---@return string? code
function system.cpu() end

--- Tells how much memory there is, and in which modules.
---@async
---@return system.Memory? memory
---@return string? message
---@return string? code
function system.memory() end

--- Lists the volumes that hold files of this machine: no network drives, no images, no kernel's own file systems.
---
--- ```lua
--- for _, volume in ipairs(assert(system.volumes())) do
---   if volume.free_bytes < 2 ^ 30 then
---     log.warn("nearly full", { mount = volume.mount })
---   end
--- end
--- ```
---@async
---@return system.Volume[]? volumes
---@return string? message
---@return string? code
function system.volumes() end

--- Lists the network interfaces.
---@async
---@return system.Interface[]? interfaces
---@return string? message
---@return string? code
function system.interfaces() end

--- Lists what is installed, sorted by name.
---
--- Linux: dpkg, apk, Flatpak and Snap from their files; rpm is started where there is a database of it, the only
--- program that this module starts. Windows: the uninstall keys of both views, of the machine and of every user whose
--- hive is loaded. macOS: the record of what its installer installed.
---@async
---@return system.Installed[]? software
---@return string? message
---@return string? code
function system.software() end

--- Gives a short text that changes when something was installed, removed or brought up to date.
---
--- It costs next to nothing, where listing a thousand packages does not.
---
--- ```lua
--- local stamp = assert(system.software_stamp())
--- assert(stamp == system.software_stamp())
--- ```
---@async
---@return string? stamp
---@return string? message
---@return string? code
function system.software_stamp() end

--- Lists who is logged in.
---@async
---@return system.Session[]? sessions
---@return string? message
---@return string? code
function system.sessions() end

--- Tells who logged in last; nil alone where nobody has, or nobody keeps count.
---@async
---@return system.Login? login
---@return string? message
---@return string? code
function system.last_login() end
