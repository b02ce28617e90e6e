-- The world of a script: what it sees, and what it cannot change. Runs once for each virtual machine,
-- with the functions of Rust as its argument; returns what runs scripts, their world, and what loads libraries and
-- calls their functions.

local lib = ...

local error, type, select, next, pcall, xpcall = error, type, select, next, pcall, xpcall
local rawget, rawset, setmetatable, getmetatable, tostring = rawget, rawset, setmetatable, getmetatable, tostring
local loadstring, load, pairs, getinfo = loadstring, load, pairs, debug.getinfo
local collectgarbage, byte, concat = collectgarbage, string.byte, table.concat
local lower, find, setfenv = string.lower, string.find, setfenv

local READONLY = "Attempt to modify a readonly table"
local HERE = "=redis"

-- Lua 5.1 has no tables that cannot be written. A script gets empty tables in their place, which show the
-- real ones.
local shown = setmetatable({}, { __mode = "k" })
local metatables = setmetatable({}, { __mode = "k" })
local proxies = {}

local function refuse()
  error(READONLY, 2)
end

local function protect(real, metatable)
  local proxy = {}
  setmetatable(proxy, { __index = real, __newindex = refuse })
  shown[proxy] = real
  metatables[proxy] = metatable
  proxies[#proxies + 1] = proxy
  return proxy
end

local function check_table(name, value)
  if type(value) ~= "table" then
    error("bad argument #1 to '" .. name .. "' (table expected, got " .. type(value) .. ")", 3)
  end
end

local globals = {}

-- What the libraries of Lua bring and scripts may use.
for _, name in next, {
  "_VERSION", "assert", "error", "gcinfo", "ipairs", "rawequal", "select", "tonumber", "tostring", "type",
  "xpcall",
} do
  globals[name] = _G[name]
end

globals.unpack = lib.unpack

function globals.next(value, key)
  check_table("next", value)
  return next(shown[value] or value, key)
end

local global_next = globals.next

function globals.pairs(value)
  check_table("pairs", value)
  if shown[value] then
    return global_next, value, nil
  end
  return pairs(value)
end

function globals.rawget(value, key)
  check_table("rawget", value)
  return rawget(shown[value] or value, key)
end

function globals.rawset(value, key, new)
  check_table("rawset", value)
  if shown[value] then
    error(READONLY, 0)
  end
  return rawset(value, key, new)
end

function globals.setmetatable(value, metatable)
  check_table("setmetatable", value)
  if shown[value] then
    error(READONLY, 0)
  end
  return setmetatable(value, metatable)
end

function globals.getmetatable(value)
  if type(value) == "table" and shown[value] then
    return metatables[value]
  end
  return getmetatable(value)
end

function globals.collectgarbage(what, argument)
  if what == "stop" or what == "restart" or what == "setpause" or what == "setstepmul" then
    return 0
  end
  return collectgarbage(what, argument)
end

-- An error that is a table with a text is no more than the text to whoever catches it.
local function caught(ok, ...)
  if ok then
    return true, ...
  end
  local failure = ...
  if type(failure) == "table" then
    local text = failure.err
    if type(text) == "string" or type(text) == "number" then
      failure = text
    end
  end
  return false, failure
end

function globals.pcall(...)
  if select("#", ...) == 0 then
    return false, "bad argument #1 to '?' (value expected)"
  end
  return caught(pcall(...))
end

-- Compiled code could do anything, so only text is loaded.
local BINARY = byte("\27Lua")
-- Longer code would make the compiler count too far.
local LONGEST_CODE = 0x20000000

function globals.loadstring(code, name)
  if type(code) == "string" and byte(code) == BINARY then
    return nil, "attempt to load chunk with wrong mode"
  end
  if type(code) == "string" and #code > LONGEST_CODE then
    return nil, "chunk is too long"
  end
  return loadstring(code, name)
end

function globals.load(source, name)
  if type(source) ~= "function" then
    error("bad argument #1 to 'load' (function expected, got " .. type(source) .. ")", 2)
  end
  local pieces = {}
  while true do
    local piece = source()
    if piece == nil or piece == "" then
      break
    end
    if type(piece) ~= "string" then
      return nil, "reader function must return a string"
    end
    pieces[#pieces + 1] = piece
  end
  return globals.loadstring(concat(pieces), name or "=(load)")
end

local library = { math = math, table = table, coroutine = coroutine, string = string, os = { clock = lib.clock } }
for name, takes_plain in next, { find = true, match = false, gmatch = false, gsub = false } do
  string[name] = lib.takes_pattern(string[name], takes_plain)
end
string.gfind = string.gmatch
library.math.random, library.math.randomseed = lib.random, lib.randomseed
for name, functions in next, library do
  globals[name] = protect(functions)
end
for _, name in next, { "cjson", "cmsgpack", "struct", "bit" } do
  if lib[name] then
    globals[name] = protect(lib[name])
  end
end
getmetatable("").__metatable = protect({ __index = globals.string })

local redis = {
  LOG_DEBUG = 0, LOG_VERBOSE = 1, LOG_NOTICE = 2, LOG_WARNING = 3,
  REPL_NONE = 0, REPL_AOF = 1, REPL_SLAVE = 2, REPL_REPLICA = 2, REPL_ALL = 3,
  REDIS_VERSION = lib.version, REDIS_VERSION_NUM = lib.version_number,
  call = lib.call, pcall = lib.pcall, acl_check_cmd = lib.may_call,
  log = lib.log, sha1hex = lib.sha1hex, setresp = lib.setresp, set_repl = lib.set_repl,
}

local function text_of(...)
  local text = ...
  if select("#", ...) == 1 and type(text) == "string" then
    return text
  end
end

local WRONG = "ERR wrong number or type of arguments"

function redis.error_reply(...)
  local text = text_of(...)
  if not text then
    return { err = WRONG }
  end
  text = text:gsub("^%-", ""):gsub("[\r\n]+$", "")
  return { err = text:find(" ", 1, true) and text or "ERR " .. text }
end

function redis.status_reply(...)
  local text = text_of(...)
  if not text then
    return { err = WRONG }
  end
  return { ok = text }
end

-- Effects have always been what is kept of a script.
function redis.replicate_commands()
  return true
end

-- There is no debugger.
function redis.breakpoint()
  return false
end

function redis.debug() end

globals.redis = protect(redis)

local function unknown(_, name)
  error("Script attempted to access nonexistent global variable '" .. tostring(name) .. "'", 2)
end

local of_globals = { __index = unknown }
setmetatable(globals, of_globals)
local world = protect(globals, protect(of_globals))
globals._G = world

-- Makes a table of whatever was thrown, and notes where.
local function failed(failure)
  local level = 2
  local at = getinfo(level, "Sl")
  while at and (at.what == "C" or at.what == "tail" or at.source == HERE) do
    level = level + 1
    at = getinfo(level, "Sl")
  end
  if type(failure) == "userdata" then
    return failure
  end
  if type(failure) ~= "table" then
    failure = { err = "ERR " .. tostring(failure) }
  end
  if at then
    rawset(failure, "source", at.source)
    rawset(failure, "line", at.currentline)
  end
  return failure
end

globals.__redis__err__handler = failed

-- Nothing that a script has done stays for the next one; a table that does makes the machine useless.
local are_empty = lib.are_empty

-- Functions see what scripts see, but for KEYS and ARGV, which are their arguments.
local function copy(from, without)
  local to = {}
  for name, value in next, from do
    to[name] = value
  end
  for _, name in next, without do
    to[name] = nil
  end
  return to
end

local of_functions = setmetatable(copy(globals, { "os", "__redis__err__handler" }), of_globals)
of_functions.redis = protect(copy(redis, { "replicate_commands", "breakpoint", "debug" }))
of_functions._G = protect(of_functions, protect(of_globals))

-- The functions of the library that is being loaded.
local registering

local FLAGS = {
  ["no-writes"] = true, ["allow-oom"] = true, ["allow-stale"] = true, ["no-cluster"] = true,
  ["allow-cross-slot-keys"] = true,
}

local function throw(text)
  error({ err = "ERR " .. text }, 0)
end

local function is_text(value)
  return type(value) == "string" or type(value) == "number"
end

local function read_flags(given)
  local flags = {}
  while given[#flags + 1] ~= nil do
    local flag = given[#flags + 1]
    if not is_text(flag) or not FLAGS[lower(flag)] then
      throw("unknown flag given")
    end
    flags[#flags + 1] = lower(flag)
  end
  return flags
end

local readers = {
  function_name = function(value)
    return is_text(value) and tostring(value)
      or throw("function_name argument given to redis.register_function must be a string")
  end,
  description = function(value)
    return is_text(value) and tostring(value)
      or throw("description argument given to redis.register_function must be a string")
  end,
  callback = function(value)
    return type(value) == "function" and value
      or throw("callback argument given to redis.register_function must be a function")
  end,
  flags = function(value)
    return type(value) == "table" and read_flags(value)
      or throw("flags argument to redis.register_function must be a table representing function flags")
  end,
}

local function read_names(given)
  if type(given) ~= "table" then
    throw("calling redis.register_function with a single argument is only applicable to Lua table (representing named arguments).")
  end
  local named = {}
  for name, value in next, given do
    if not is_text(name) then
      throw("named argument key given to redis.register_function is not a string")
    end
    local read = readers[lower(name)] or throw("unknown argument given to redis.register_function")
    named[lower(name)] = read(value)
  end
  return named
end

local function read_positions(name, callback)
  if not is_text(name) then
    throw("first argument to redis.register_function must be a string")
  end
  if type(callback) ~= "function" then
    throw("second argument to redis.register_function must be a function")
  end
  return { function_name = tostring(name), callback = callback }
end

local function register_function(...)
  if not registering then
    throw("redis.register_function can only be called on FUNCTION LOAD command")
  end
  local count = select("#", ...)
  if count < 1 or count > 2 then
    throw("wrong number of arguments to redis.register_function")
  end
  local new = count == 1 and read_names(...) or read_positions(...)
  if not new.function_name then
    throw("redis.register_function must get a function name argument")
  end
  if not new.callback then
    throw("redis.register_function must get a callback argument")
  end
  if not find(new.function_name, "^[a-zA-Z0-9_]+$") then
    throw("Library names can only contain letters, numbers, or underscores(_) and must be at least one character long")
  end
  for at = 1, #registering do
    if registering[at].function_name == new.function_name then
      throw("Function already exists in the library")
    end
  end
  registering[#registering + 1] = new
end

-- While a library is loaded, it sees no more than this.
local of_loading = setmetatable({}, of_globals)
of_loading.redis = protect(setmetatable({
  register_function = register_function, log = redis.log,
  LOG_DEBUG = 0, LOG_VERBOSE = 1, LOG_NOTICE = 2, LOG_WARNING = 3,
  REDIS_VERSION = lib.version, REDIS_VERSION_NUM = lib.version_number,
}, of_globals))

-- Loads a library, and returns as `run` does; what it returns are the functions that it has registered.
local function load_library(code)
  local sees = { __index = of_loading, __newindex = refuse }
  setfenv(code, setmetatable({}, sees))
  registering = {}
  local ok, result = xpcall(code, failed)
  local registered = registering
  registering = nil
  sees.__index = of_functions
  return ok, ok and registered or result, are_empty(proxies)
end

-- Calls a function of a library, and returns as `run` does.
local function call_function(callback, keys, arguments)
  local ok, result = xpcall(function()
    return callback(keys, arguments)
  end, failed)
  return ok, result, are_empty(proxies)
end

-- Runs a script: its function, its keys and its arguments. Returns whether it ran to its end, what it
-- returned or threw, and whether the next one may run in the same world.
local function run(script, keys, arguments)
  globals.KEYS, globals.ARGV = keys, arguments
  local ok, result = xpcall(script, failed)
  globals.KEYS, globals.ARGV = nil, nil
  return ok, result, are_empty(proxies)
end

return run, world, load_library, call_function
