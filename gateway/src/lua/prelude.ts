/**
 * The Lua half of the API for policies, run before each script. Its functions are Lua where a crossing into the host would cost
 * more, and host functions where the host must know. Operations of a decision walk a trie: a decision seen before allocates
 * nothing and crosses the boundary as one integer.
 */

/** Operations by the number under which a node of the trie has its followers. */
export const OPERATION = {
  setRequest: 2,
  removeRequest: 3,
  setResponse: 4,
  removeResponse: 5,
  addResponse: 6,
  usePath: 7,
  useTarget: 8,
  contentType: 9,
  deny: 10,
  redirect: 11,
} as const;

export type OperationCode = (typeof OPERATION)[keyof typeof OPERATION];

/** `log` and `state` for every kind of script; whoever takes it in has `concat`, `select` and `text_of` as locals. */
export const LOG_AND_STATE = String.raw`local write = log
function log(...)
  local words = {}
  for i = 1, select("#", ...) do words[i] = text_of((select(i, ...))) end
  write(concat(words, " "))
end

state = { get = state_get, set = state_set, incr = state_incr }
state_get, state_set, state_incr = nil, nil, nil
`;

export const PRELUDE = String.raw`
local define, fetch, fetch_response, number_of = host_define, host_fetch, host_fetch_response, host_number_of
local host_header, host_response_header = host_header, host_response_header
local host_cookie, host_query_param, split_add, split_pick = host_cookie, host_query_param, host_split_add, host_split_pick
for name in next, _G do
  if type(name) == "string" and name:sub(1, 5) == "host_" then _G[name] = nil end
end
local error, next, select, sort, concat, set_metatable, text_of, type_of =
  error, next, select, table.sort, table.concat, setmetatable, tostring, type

-- A node of the trie: [1] is its id, [2..11] are its followers by operation, name and value, [12] tells that it answers.
local ID, ANSWERED = 1, 12
local request_root, response_root
local cur = { -1 }

function host_reset(request_id, response_id)
  request_root, response_root = { request_id }, { response_id }
end

local function grow(operation, name, value)
  if type_of(name) == "number" then name = text_of(name) end
  if type_of(value) == "number" then value = text_of(value) end
  local names = cur[operation]
  local values = names and names[name]
  local node = values and values[value]
  if not node then
    node = { define(operation, cur[ID], name, value) }
    if cur[ANSWERED] or operation >= 10 then node[ANSWERED] = true end
    if not names then
      names = {}
      cur[operation] = names
    end
    if not values then
      values = {}
      names[name] = values
    end
    values[value] = node
  end
  cur = node
end

local function two(operation)
  return function(_, name, value)
    local node = cur[operation]
    node = node and node[name]
    node = node and node[value]
    if node then cur = node else grow(operation, name, value) end
  end
end

local function one(operation)
  return function(_, name)
    local node = cur[operation]
    node = node and node[name]
    node = node and node[""]
    if node then cur = node else grow(operation, name, "") end
  end
end

local function read_only(what)
  return function(_, name)
    error(what .. " has no " .. text_of(name) .. " to assign: use its methods", 2)
  end
end

-- Headers a script asks for get numbers, so that the next fetch carries no name; past the host's bound there are none left.
local header_numbers = {}

local function number_or_nil(name)
  local number = number_of(name)
  if number then header_numbers[name] = number end
  return number
end

-- As the host's fetch knows them.
local numbers = { method = 1, path = 2, query = 3, host = 4, ip = 5, scheme = 6, id = 7, project = 8, now = 9 }

-- Methods lie in the object itself, which saves a look-up for each call: a script that replaces one fools only itself.
local req = set_metatable({
  header = function(_, name)
    local number = header_numbers[name] or number_or_nil(name)
    if number then return fetch(number) end
    return host_header(name)
  end,
  cookie = function(_, name) return host_cookie(name) end,
  query_param = function(_, name) return host_query_param(name) end,
  set_header = two(2),
  remove_header = one(3),
  set_path = one(7),
  use_target = one(8),
}, {
  __index = function(_, name)
    local number = numbers[name]
    if number then return fetch(number) end
    error("req has no " .. text_of(name) .. ": it has method, path, query, host, ip, scheme, id, project, now and methods", 2)
  end,
  __newindex = read_only("req"),
  __metatable = false,
})

resp = set_metatable({
  header = function(_, name)
    local number = header_numbers[name] or number_or_nil(name)
    if number then return fetch_response(number) end
    return host_response_header(name)
  end,
  set_header = two(4),
  remove_header = one(5),
  add_header = two(6),
}, {
  __index = function(_, name)
    if name == "status" then return fetch_response(0) end
    error("resp has no " .. text_of(name) .. ": it has status and methods", 2)
  end,
  __newindex = read_only("resp"),
  __metatable = false,
})
local resp = resp

local content_type, answer_deny, answer_redirect = two(9), two(10), two(11)

function deny(status, body, type)
  if cur[ANSWERED] then return end
  if type ~= nil then content_type(nil, type, "") end
  answer_deny(nil, status, body or "")
end

function redirect(location, status)
  if cur[ANSWERED] then return end
  answer_redirect(nil, status or 302, location)
end

function split(weights)
  local names, total = {}, 0
  for name, weight in next, weights do
    if type_of(name) ~= "string" or type_of(weight) ~= "number" then
      error("split takes names and their weights, such as split{ a = 90, b = 10 }", 2)
    end
    names[#names + 1] = name
    total = total + weight
  end
  if #names > 0 and total == 0 then error("split needs a weight above 0", 2) end
  sort(names)
  local number
  for i = 1, #names do number = split_add(number, names[i], weights[names[i]]) end
  if not number then error("split needs at least one name", 2) end
  return function(key) return names[split_pick(number, key)] end
end

${LOG_AND_STATE}
local request_handler, response_handler

-- After the script ran: says which handlers it has.
function host_bind()
  request_handler, response_handler = on_request, on_response
  if request_handler ~= nil and type_of(request_handler) ~= "function" then error("on_request is not a function") end
  if response_handler ~= nil and type_of(response_handler) ~= "function" then error("on_response is not a function") end
  if on_error ~= nil and on_error ~= "deny" and on_error ~= "allow" then
    error('on_error must be "deny" or "allow", not ' .. text_of(on_error))
  end
  return request_handler and 1 or 0, response_handler and 1 or 0, on_error == "allow" and 1 or 0
end

function host_request()
  cur = request_root
  request_handler(req)
  return cur[ID]
end

function host_response()
  cur = response_root
  response_handler(req, resp)
  return cur[ID]
end
`;
