-- Sets and removes header fields: of the request before the app gets it, of every response before the client gets it.
--
--   request_set      list of "name: value"; each replaces whatever the client sent     {}
--   request_remove   list of names                                                     {}
--   response_set     list of "name: value"; each replaces whatever the app sent        {}
--   response_remove  list of names                                                     {}
--
-- Removals come first. Fields of framing and routing, x-forwarded-* and x-bifrost-* are the gateway's own and refused.

local own = {}
for name in ([[connection content-length expect forwarded host keep-alive proxy-connection te trailer
  transfer-encoding upgrade]]):gmatch("%S+") do
  own[name] = true
end

local function check_name(name)
  if not name:find("^[%w!#$%%&'*+.^_`|~-]+$") then return "must be the name of a header" end
  name = name:lower()
  if own[name] or name:sub(1, 12) == "x-forwarded-" or name:sub(1, 10) == "x-bifrost-" then
    return "must not be a header of the gateway's own"
  end
  return true
end

local function check_line(line)
  local name, value = line:match("^([^:]*):(.*)$")
  if not name then return 'must be "name: value"' end
  if value:find("[%c]") then return "must not have control characters" end
  return check_name(name)
end

local settings = settings{
  request_set = { type = "list", default = {}, check = check_line },
  request_remove = { type = "list", default = {}, check = check_name },
  response_set = { type = "list", default = {}, check = check_line },
  response_remove = { type = "list", default = {}, check = check_name },
}

local function pairs_in(lines)
  local found = {}
  for i, line in ipairs(lines) do
    local name, value = line:match("^([^:]*):%s*(.-)%s*$")
    found[i] = { name, value }
  end
  return found
end

local request_set, response_set = pairs_in(settings.request_set), pairs_in(settings.response_set)
local request_remove, response_remove = settings.request_remove, settings.response_remove

function on_request(req)
  for i = 1, #request_remove do req:remove_header(request_remove[i]) end
  for i = 1, #request_set do req:set_header(request_set[i][1], request_set[i][2]) end
  for i = 1, #response_remove do resp:remove_header(response_remove[i]) end
  for i = 1, #response_set do resp:set_header(response_set[i][1], response_set[i][2]) end
end
