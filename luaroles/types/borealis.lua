---@meta

--- What every role meets: its object, its context, and the events of the Engine.

--- Declared by every role, as literals at the top level.
---@type string
ROLE_NAME = ""

--- `"system"`, `"interactive"`, or both.
---@type ("system"|"interactive")[]
ROLE_CONTEXTS = {}

--- What the role may use: a module's grant (`"process"`), or one thing of it (`"process:uname"`). Without it: nothing that
--- touches the machine.
---@type string[]
ROLE_GRANTS = {}

--- What a role's file returns. Every method is optional.
---@class borealis.Role
---@field ctx borealis.Context
---@field new? fun(ctx: borealis.Context): table Makes the role's object; without it the host does.
---@field register_events? fun(self: table, events: borealis.Events) Called once, before any event.
---@field on_config? fun(self: table, roles: borealis.RoleConfig[]) Called with the whole list of configurations, which is never empty.
---@field stop_all? fun(self: table) Called before the role ends, where it may take 2 seconds, and when the Engine's list of configurations is empty: then events go on coming, and on_config begins anew.
---@field save_state? fun(self: table): table? Plain data for the next version's `ctx.state`.
---@field health_report? fun(self: table): string|borealis.Health

---@class borealis.Health
---@field status "healthy"|"recovering"|"unhealthy"|"pending"
---@field detail? string

--- Where the role runs.
---@class borealis.Context
---@field agent_id string HOST_GUID_CONTEXT; empty until the device is enrolled.
---@field hostname string
---@field context "system"|"interactive"
---@field service_mode "system"|"currentuser"
---@field data_dir string The role's own directory.
---@field version string The agent's version.
---@field state? table What `save_state` of the version before returned.

---@class borealis.Events
local Events = {}

--- Asks for an event of the Engine. Only while `register_events` runs.
---
--- Two events are the agent's own: `"connect"`, once the Engine can be reached, and `"disconnect"`, once it no longer can.
--- They tell of what lasts a second, not of each moment without a connection, and a role that is loaded while there is
--- one hears of the next.
---@param name string
---@param handler fun(event: any) Runs once per event, in the order in which events arrive; while it waits, others run.
---@param opts? borealis.EventOptions
function Events:on(name, handler, opts) end

---@class borealis.EventOptions
---@field within? number Seconds that one event may take in all, waiting counted; at most 86400. Default 600. What takes longer is ended as failed.
---@field at_once? integer How many of this event may be under way at a time; the rest wait in the order in which they came. Without it, as many as the role may have under way in all: 16.

--- The event `job_cancel`, from the agent itself: an operator on this machine wants the role to end a job that it runs. A
--- role that asks for `quick_job_run` should ask for it too, end the job and answer it. A job that still waits in line
--- needs nothing: the agent answers it.
---@class borealis.JobCancel
---@field job_id integer

--- One entry of the `roles` list that the Engine sends with `agent_config`.
---@class borealis.RoleConfig
---@field role string
---@field node_id? string

--- The event `quick_job_run`, once the core has checked that it is for this device and signed by its Engine.
---@class engine.QuickJob
---@field job_id integer
---@field target_hostname string
---@field script_type "powershell"|"batch"|"bash"|string
---@field script_name string
---@field script_path string
---@field script string The verified bytes of the script.
---@field environment table<string, string>
---@field variables engine.Variable[]
---@field timeout_seconds number Seconds; 0 is no limit.
---@field files engine.JobFile[]
---@field run_mode "system"|"current_user"
---@field context? table To be sent back with the result.

--- A file that a job brings along, to lie beside its script.
---@class engine.JobFile
---@field file_name string
---@field size? integer
---@field mime_type? string
---@field data string Base64.

---@class engine.Variable
---@field name string
---@field label? string
---@field type "string"|"number"|"boolean"|"credential"
---@field default? any
---@field required? boolean
---@field description? string
---@field value? any Set when the operator chose another value than the default.
