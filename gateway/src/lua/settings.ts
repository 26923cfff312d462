/**
 * `settings{...}` of scripts: says which settings a script takes, checks the ones it was attached with, fills in defaults.
 * What is wrong ends the loading of the script with a sentence that names what was found and what is allowed.
 *
 *     local settings = settings{
 *       rate = { type = "number", default = 10, min = 0.001 },
 *       by = { type = "string", default = "address", one_of = { "address", "header" } },
 *       users = { type = "list", required = true, check = function(user) return user:find(":") or "must be name:hash" end },
 *     }
 *
 * `check` is asked about each value, or each item of a list: true accepts it, text says what it must be.
 */
export const SETTINGS = String.raw`
local error, next, pairs, sort, concat, text_of, type_of = error, next, pairs, table.sort, table.concat, tostring, type

local function shown(value)
  if type_of(value) == "string" then return '"' .. value .. '"' end
  if type_of(value) == "table" then return "a list" end
  return text_of(value)
end

local function refuse(name, message, found)
  error("setting " .. name .. " " .. message .. (found == nil and "" or ", not " .. shown(found)), 4)
end

local function check_one_of(name, value, allowed)
  for i = 1, #allowed do
    if allowed[i] == value then return end
  end
  refuse(name, "must be " .. concat(allowed, " or "), value)
end

local function check_value(name, rule, value)
  if rule.min and value < rule.min then refuse(name, "must be at least " .. text_of(rule.min), value) end
  if rule.max and value > rule.max then refuse(name, "must be at most " .. text_of(rule.max), value) end
  if rule.one_of then check_one_of(name, value, rule.one_of) end
  if not rule.check then return end
  local verdict = rule.check(value)
  if type_of(verdict) == "string" then refuse(name, verdict, value) end
end

local function check_setting(name, rule, value)
  local wanted = rule.type
  local expected = wanted == "list" and "table" or wanted
  if type_of(value) ~= expected then
    refuse(name, "must be a " .. (wanted == "list" and "list of strings" or wanted), value)
  end
  if wanted ~= "list" then return check_value(name, rule, value) end
  if rule.required and #value == 0 then refuse(name, "must not be empty") end
  for i = 1, #value do check_value(name, rule, value[i]) end
end

local function names_of(rules)
  local names = {}
  for name in pairs(rules) do names[#names + 1] = name end
  sort(names)
  return names
end

local function read(rules, given)
  local names = names_of(rules)
  for name in next, given do
    if not rules[name] then
      error("unknown setting " .. text_of(name) .. ": there are " .. concat(names, ", "), 3)
    end
  end
  local found = {}
  for i = 1, #names do
    local name = names[i]
    local value = given[name]
    if value ~= nil then check_setting(name, rules[name], value) end
    if value == nil and rules[name].required then error("setting " .. name .. " is missing", 3) end
    if value == nil then value = rules[name].default end
    found[name] = value
  end
  return found
end

function settings(rules)
  local found = read(rules, config)
  return found
end
`;
