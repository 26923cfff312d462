/** The Lua half of the helpers for unit tests: tables on the script's side, one scalar after another on the host's. */
export const TEST_PRELUDE = String.raw`
local begin, put_field, put_header, put_config = host_begin, host_field, host_header, host_config
local run_request, run_response, run_configure, next_result = host_request, host_respond, host_configure, host_next
local found_test = host_found_test
advance = host_advance
for name in next, _G do
  if type(name) == "string" and name:sub(1, 5) == "host_" then _G[name] = nil end
end
local error, next, pairs, pcall, sort, text_of, type_of = error, next, pairs, pcall, table.sort, tostring, type

local function check_table(what, value)
  if value == nil then return {} end
  if type_of(value) == "table" then return value end
  error(what .. " takes a table, not a " .. type_of(value), 3)
end

-- Errors of the host name the line of the script; what it says of the script itself comes first.
local function describe(what, fields)
  begin(what)
  for name, value in next, fields do
    if name == "headers" then
      if type_of(value) ~= "table" then error("headers must be a table of names and values", 3) end
      for header, text in next, value do put_header(header, text) end
    else
      put_field(name, value)
    end
  end
end

-- Header fields of the same name are joined by a comma, as HTTP has it.
local function results()
  local found = {}
  for section, name, value in next_result do
    local into = found
    if section ~= "" then
      into = found[section] or {}
      found[section] = into
    end
    if name ~= "" then into[name] = into[name] and section ~= "" and into[name] .. ", " .. value or value end
  end
  return found
end

function request(fields)
  describe("request", check_table("request", fields))
  run_request()
  return results()
end

function respond(fields)
  describe("respond", check_table("respond", fields))
  run_response()
  return results()
end

function configure(settings)
  begin("configure")
  for name, value in next, check_table("configure", settings) do
    if type_of(value) == "table" then
      put_config(name)
      for i = 1, #value do put_config(name, value[i], true) end
    else
      put_config(name, value)
    end
  end
  run_configure()
end

local function shown(value)
  if type_of(value) == "string" then return '"' .. value .. '"' end
  if type_of(value) ~= "table" then return text_of(value) end
  local keys = {}
  for key in pairs(value) do keys[#keys + 1] = text_of(key) end
  sort(keys)
  for i = 1, #keys do
    local inner = value[keys[i]]
    if inner == nil then inner = value[tonumber(keys[i])] end
    keys[i] = keys[i] .. " = " .. (type_of(inner) == "table" and "{...}" or shown(inner))
  end
  return "{ " .. table.concat(keys, ", ") .. " }"
end

local function same(a, b)
  if type_of(a) ~= "table" or type_of(b) ~= "table" then return a == b end
  for key, value in pairs(a) do
    if not same(value, b[key]) then return false end
  end
  for key in pairs(b) do
    if a[key] == nil then return false end
  end
  return true
end

local function prefixed(message, text)
  if message == nil then return text end
  return text_of(message) .. ": " .. text
end

function expect(condition, message)
  if not condition then error(message == nil and "expectation failed" or text_of(message), 2) end
end

function expect_equal(found, wanted, message)
  if same(found, wanted) then return end
  error(prefixed(message, "found " .. shown(found) .. ", wanted " .. shown(wanted)), 2)
end

function expect_error(wanted, action, ...)
  local ok, message = pcall(action, ...)
  if ok then error("no error was raised, wanted one with " .. shown(wanted), 2) end
  if not text_of(message):find(wanted, 1, true) then
    error("found the error " .. shown(message) .. ", wanted one with " .. shown(wanted), 2)
  end
end

function host_list_tests()
  for name, value in next, _G do
    if type_of(name) == "string" and name:sub(1, 5) == "test_" and type_of(value) == "function" then
      found_test(name)
    end
  end
end

local globals = _G
function host_run_test(name)
  globals[name]()
end
`;
