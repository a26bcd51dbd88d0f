local GIB = 2 ^ 30

--- The machine that is measured in these tests; a test changes it.
local function machine()
  return {
    host = { name = "rowan-db2", domain = "lab.example.net", user = "root", boot_time = 1769060469, uptime = 734211.5 },
    platform = {
      family = "linux", id = "debian", name = "Debian GNU/Linux 12 (bookworm)", version = "12", kernel = "6.1.0-28-amd64",
      architecture = "x86_64", server = false, graphical = false,
    },
    hardware = {
      manufacturer = "QEMU", model = "Standard PC (Q35 + ICH9, 2009)", version = "pc-q35-7.2", serial = "",
      uuid = "b7c1f0e2-5a8d-4d0c-9a44-1f2e3d4c5b6a", board_serial = "", chassis_serial = "", chassis = "", virtual = "qemu",
      container = "",
    },
    cpu = { name = "AMD EPYC 7443P 24-Core Processor", sockets = 1, physical_cores = 4, logical_cores = 4, base_ghz = 2.8 },
    memory = {
      total_bytes = 8 * GIB,
      modules = { { slot = "DIMM 0", bank = "", manufacturer = "QEMU", part = "", serial = "", bytes = 8 * GIB } },
    },
    volumes = {
      { device = "/dev/vda2", mount = "/", file_system = "ext4", removable = false, read_only = false, total_bytes = 100 * GIB, used_bytes = 38.5 * GIB, free_bytes = 61.5 * GIB },
      { device = "/dev/sdb1", mount = "/media/stick", file_system = "vfat", removable = true, read_only = false, total_bytes = 10, used_bytes = 0, free_bytes = 0 },
    },
    interfaces = {
      { name = "lo", mac = "", ipv4 = { "127.0.0.1" }, ipv6 = { "::1" }, up = true, loopback = true },
      { name = "ens19", mac = "52:54:00:6b:0e:92", ipv4 = { "203.0.113.5" }, ipv6 = {}, up = true, loopback = false },
      { name = "ens18", mac = "52:54:00:6b:0e:91", ipv4 = { "10.20.4.17" }, ipv6 = {}, up = true, loopback = false, speed_mbps = 10000 },
      { name = "ens20", mac = "52:54:00:6b:0e:93", ipv4 = {}, ipv6 = {}, up = false, loopback = false },
    },
    software = { { name = "adduser", version = "3.134", source = "dpkg", publisher = "" } },
    software_stamp = "one",
    sessions = { { user = "marta", terminal = "tty1", from = "", active = true }, { user = "marta", terminal = "pts/0", from = "", active = true } },
  }
end

--- Stubs the machine and the Engine: what was posted is in the list that comes back.
local function play(t, m)
  for _, name in ipairs({
    "host", "platform", "hardware", "cpu", "memory", "volumes", "interfaces", "software", "software_stamp", "sessions", "last_login",
  }) do
    t.stub("system." .. name, function()
      m.asked = m.asked or {}
      m.asked[name] = (m.asked[name] or 0) + 1
      if m.fails == name then
        return nil, name .. " is broken", "failed"
      end
      return m[name]
    end)
  end
  local posts = {}
  t.stub("engine.request", function(path, body)
    t.equal(path, "/api/agent/details")
    posts[#posts + 1] = body
    if m.refused then
      return nil, m.refused, "refused"
    end
    return { status = "ok" }
  end)
  t.stub("settings.get", function(name) return (m.settings or {})[name] end)
  return posts
end

local HALF_AN_HOUR = 37 * 60 -- with all of the spread

function test_the_first_audit_sends_everything(t)
  local posts = play(t, machine())
  t.clock(60)
  t.equal(#posts, 1)
  t.equal(posts[1].agent_id, "LAB-PC7_6F1B2C3D-4E5F-4A6B-8C7D-9E0F1A2B3C4D_SYSTEM")
  t.equal(posts[1].hostname, "lab-pc7")
  local cpu = {
    name = "AMD EPYC 7443P 24-Core Processor", physical_cores = 4, logical_cores = 4, base_clock_ghz = 2.8,
    system_manufacturer = "QEMU", system_model_raw = "Standard PC (Q35 + ICH9, 2009)",
    system_model = "QEMU Standard PC (Q35 + ICH9, 2009)", system_serial_number = "b7c1f0e2-5a8d-4d0c-9a44-1f2e3d4c5b6a",
  }
  t.equal(posts[1].details, {
    summary = {
      hostname = "rowan-db2", os = "Debian GNU/Linux 12 (bookworm)", operating_system = "Debian GNU/Linux 12 (bookworm)",
      username = "root", domain = "lab.example.net", uptime_sec = 734211, last_reboot = "2026-01-22 05:41:09",
      device_type = "Virtual Machine", internal_ip = "10.20.4.17", external_ip = "", last_user = "marta",
      processor = "AMD EPYC 7443P 24-Core Processor (2.8GHz) @ 4 Cores", total_ram = 8 * GIB, manufacturer = "QEMU",
      system_model = "Standard PC (Q35 + ICH9, 2009)", device_model = "Standard PC (Q35 + ICH9, 2009)",
      model = "QEMU Standard PC (Q35 + ICH9, 2009)", serial_number = "b7c1f0e2-5a8d-4d0c-9a44-1f2e3d4c5b6a",
      serial = "b7c1f0e2-5a8d-4d0c-9a44-1f2e3d4c5b6a", bios_serial = "b7c1f0e2-5a8d-4d0c-9a44-1f2e3d4c5b6a",
      ansible_ee_ver = "", cpu = cpu,
    },
    cpu = cpu,
    memory = { { slot = "DIMM 0", speed = "unknown", serial = "unknown", capacity = 8 * GIB } },
    storage = {
      { drive = "/dev/vda2", disk_type = "Fixed Disk", usage = 38.5, total = 100 * GIB, free = 61.5 * GIB, used = 38.5 * GIB },
      { drive = "/dev/sdb1", disk_type = "Removable", usage = 0, total = 10, free = 0, used = 0 },
    },
    network = {
      { adapter = "ens19", ips = { "203.0.113.5" }, mac = "52:54:00:6b:0e:92", link_speed = "" },
      { adapter = "ens18", ips = { "10.20.4.17" }, mac = "52:54:00:6b:0e:91", link_speed = "10000 Mb/s" },
    },
    software = { { name = "adduser", version = "3.134", source = "dpkg" } },
  })
end

function test_what_did_not_change_is_not_sent(t)
  local m = machine()
  local posts = play(t, m)
  t.clock(60)
  for _ = 1, 5 do
    m.host.uptime = m.host.uptime + 1800
    m.host.boot_time = m.host.boot_time + 1 -- the clock was set
    m.volumes[1].used_bytes = m.volumes[1].used_bytes + 0.1 * GIB
    m.volumes[1].free_bytes = m.volumes[1].free_bytes - 0.1 * GIB
    t.clock(HALF_AN_HOUR)
  end
  t.equal(#posts, 1)
  t.equal(m.asked.software, 1) -- nor measured, where there is a cheaper way to know
  t.equal(m.asked.hardware, 1)
end

function test_only_what_changed_is_sent(t)
  local m = machine()
  local posts = play(t, m)
  t.clock(60)
  m.volumes[1].used_bytes, m.volumes[1].free_bytes = 60 * GIB, 40 * GIB
  t.clock(HALF_AN_HOUR)
  t.equal(#posts, 2)
  t.equal(posts[2].details.storage[1].usage, 60)
  t.equal({ posts[2].details.summary, posts[2].details.software, posts[2].details.cpu }, {})
  m.software_stamp, m.software = "two", { { name = "bash", version = "5.2", source = "dpkg", publisher = "" } }
  m.sessions = {}
  t.clock(HALF_AN_HOUR)
  t.equal(#posts, 3)
  t.equal(posts[3].details.software, { { name = "bash", version = "5.2", source = "dpkg" } })
  t.equal(posts[3].details.summary.last_user, "No Users Logged In")
  t.equal({ posts[3].details.storage }, {})
  t.clock(HALF_AN_HOUR)
  t.equal(#posts, 3)
end

function test_everything_is_sent_again_after_hours(t)
  local posts = play(t, machine())
  t.clock(60)
  t.clock(7.5 * 3600)
  t.equal(#posts, 2)
  t.equal(posts[2].details, posts[1].details)
end

function test_a_connect_sends_everything_but_not_each_of_many(t)
  local posts = play(t, machine())
  t.clock(60)
  for _ = 1, 10 do
    t.deliver("connect", {})
    t.clock(10)
  end
  t.equal(#posts, 1)
  t.clock(7 * 60)
  t.equal(#posts, 2)
  t.deliver("connect", {})
  t.clock(7 * 60)
  t.equal(#posts, 3)
end

function test_the_operators_period_is_kept(t)
  local m = machine()
  m.settings = { interval_minutes = 5 }
  play(t, m)
  t.clock(60)
  local before = m.asked.host
  t.clock(60 * 60)
  local audits = m.asked.host - before
  t.equal(audits >= 9 and audits <= 12, true)
  m.settings = { interval_minutes = 0 } -- five is the least
  before = m.asked.host
  t.clock(60 * 60)
  t.equal(m.asked.host - before <= 12, true)
  m.settings = { interval_minutes = "often" }
  t.clock(10 * 60)
  before = m.asked.host
  t.clock(60 * 60)
  t.equal(m.asked.host - before <= 2, true)
end

function test_a_refusal_is_tried_again_later_and_later(t)
  local m = machine()
  m.refused, m.settings = "fingerprint_mismatch", { full_hours = 168 }
  local posts = play(t, m)
  t.clock(60)
  t.equal(#posts, 1)
  t.clock(24 * 3600)
  t.equal(#posts > 15 and #posts < 35, true)
  m.refused = nil
  local before = #posts
  t.clock(1.3 * 3600)
  t.equal(#posts, before + 1)
  t.equal(posts[#posts].details.software, { { name = "adduser", version = "3.134", source = "dpkg" } })
end

function test_what_cannot_be_measured_is_left_out_and_the_rest_sent(t)
  for _, fails in ipairs({ "cpu", "memory", "volumes", "interfaces", "software", "sessions", "hardware", "last_login", "software_stamp" }) do
    t.run(fails, function(t)
      local m = machine()
      m.fails = fails
      local posts = play(t, m)
      t.deliver("connect", {})
      t.clock(7 * 60)
      local details = posts[#posts].details
      t.equal(details.summary.hostname, "rowan-db2")
      local section = ({ volumes = "storage", interfaces = "network" })[fails] or fails
      t.equal(details[section] == nil, true)
      t.equal(details.network ~= nil or details.software ~= nil, true)
    end)
  end
end

function test_a_machine_that_shows_little(t)
  local m = machine()
  m.memory.modules = {}
  m.cpu = { name = "", logical_cores = 2 }
  m.interfaces = { { name = "eth0", mac = "52:54:00:6b:0e:91", ipv4 = {}, ipv6 = { "2001:db8::7" }, up = true, loopback = false } }
  m.hardware.virtual, m.hardware.chassis = "", "notebook"
  m.sessions, m.last_login = {}, { user = "LAB\\mira" }
  local posts = play(t, m)
  t.clock(60)
  local summary = posts[1].details.summary
  t.equal(posts[1].details.memory, { { slot = "physical", speed = "unknown", serial = "unknown", capacity = 8 * GIB } })
  t.equal(posts[1].details.network[1].ips, { "2001:db8::7" })
  t.equal({ summary.device_type, summary.last_user, summary.internal_ip, summary.processor }, { "Workstation", "LAB\\mira", "2001:db8::7", " @ 2 Cores" })
end

function test_the_external_address_is_asked_of_whom_the_operator_names(t)
  local m, asked = machine(), 0
  local posts = play(t, m)
  local answer = { status = 200, body = "203.0.113.42\n", headers = {} }
  t.stub("http.get", function(url)
    t.equal(url, "https://ip.example.org/")
    asked = asked + 1
    return answer
  end)
  t.clock(60)
  t.equal({ asked, posts[1].details.summary.external_ip }, { 0, "" })
  m.settings = { external_ip_url = "https://ip.example.org/" }
  t.deliver("connect", {})
  t.clock(7 * 60)
  t.equal({ asked, posts[2].details.summary.external_ip }, { 1, "203.0.113.42" })
  answer = { status = 200, body = "<html>log in first</html>", headers = {} }
  t.deliver("connect", {})
  t.clock(7 * 60)
  t.equal({ asked, posts[3].details.summary.external_ip }, { 2, "" })
end

function test_words_of_the_inventory(t)
  local inventory = require("lib.inventory")
  t.equal(inventory.joined("Dell Inc.", "PowerEdge R650"), "Dell Inc. PowerEdge R650")
  t.equal(inventory.joined("QEMU", "QEMU Virtual Machine"), "QEMU Virtual Machine")
  t.equal(inventory.joined("", "x"), "x")
  t.equal(inventory.joined("Apple", ""), "Apple")
  for address, want in pairs({
    ["10.1.1.1"] = true, ["192.168.3.4"] = true, ["172.16.0.1"] = true, ["172.31.0.1"] = true, ["172.32.0.1"] = false,
    ["192.169.0.1"] = false, ["100.64.0.1"] = false,
  }) do
    local found = inventory.internal_ip({ { ips = { "8.8.8.8", address } } })
    t.equal(found == address, want)
  end
  t.equal(inventory.alike({ a = { 1, 2 } }, { a = { 1, 2 } }), true)
  t.equal(inventory.alike({ a = { 1, 2 } }, { a = { 1 } }), false)
  t.equal(inventory.alike({ a = { 1 } }, { a = { 1, 2 } }), false)
  t.equal(inventory.alike({ usage = 1 }, { usage = 2.5 }, { usage = 1 }), false)
  t.equal(inventory.alike({ usage = 1 }, { usage = 2 }, { usage = 1 }), true)
  t.equal(inventory.alike("a", nil), false)
end
