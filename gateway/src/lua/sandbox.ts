/**
 * What is left of Lua's libraries for scripts, and guards around what no count hook reaches: C functions and finalizers.
 * Everything not on the list is gone: among it `load` and `require`; `rawset`, which writes past `__newindex`; coroutines, each
 * of which has a hook count of its own and so puts off its kill; `warn`, which writes to standard error.
 */
import { definePatternFunctions } from "./pattern-functions.ts";
import { MAX_STRING_BYTES, type LuaState } from "./lua-state.ts";

const SANDBOX = String.raw`
local MAX_STRING = ...

string.find, string.match = host_find, host_match
local step, replace = host_step, host_replace

local function keep(from, names)
  local kept = {}
  for name in names:gmatch("%S+") do kept[name] = from[name] end
  for name in next, from do
    if kept[name] == nil then from[name] = nil end
  end
end
keep(_G, [[_G _VERSION assert error getmetatable ipairs math next pairs pcall rawequal rawget rawlen select
  setmetatable string table tonumber tostring type utf8]])
keep(string, "byte char find format gmatch gsub len lower match pack packsize rep reverse sub unpack upper")

local error, pcall, rawget, select, type = error, pcall, rawget, select, type

-- A finalizer runs with hooks off. Lua looks for __gc only here: adding the field afterwards has no effect.
local set_metatable = setmetatable
function setmetatable(value, metatable)
  if type(metatable) == "table" and rawget(metatable, "__gc") ~= nil then
    error("__gc is not available to scripts", 2)
  end
  return set_metatable(value, metatable)
end
getmetatable("").__metatable = false

-- The real one runs its handler inside the failing hook, where no hook fires. Here the stack is unwound before it runs.
local function finish(handler, ok, ...)
  if ok then return true, ... end
  return false, handler((...))
end
function xpcall(f, handler, ...)
  return finish(handler, pcall(f, ...))
end

local rep = string.rep
function string.rep(text, times, separator)
  local bytes = #text + #(separator or "")
  if bytes == 0 or times < 1 then return "" end
  if times > MAX_STRING // bytes + 1 then
    error("string.rep: a string may have at most " .. MAX_STRING .. " bytes", 2)
  end
  return rep(text, times, separator)
end

-- Loops in Lua instead of C, so that hooks fire in them: __len may claim any length.
function table.move(from, first, last, to, into)
  into = into or from
  if to > last or to <= first or into ~= from then
    for i = 0, last - first do into[to + i] = from[first + i] end
  else
    for i = last - first, 0, -1 do into[to + i] = from[first + i] end
  end
  return into
end

function table.insert(list, ...)
  local size = #list + 1
  local count = select("#", ...)
  if count == 1 then
    list[size] = (...)
    return
  end
  local position, value = ...
  if count ~= 2 then error("table.insert takes a list, perhaps a position, and a value", 2) end
  if position < 1 or position > size then error("table.insert: position out of bounds", 2) end
  for i = size, position + 1, -1 do list[i] = list[i - 1] end
  list[position] = value
end

function table.remove(list, position)
  local size = #list
  if position == nil then position = size end
  local found = list[position]
  for i = position, size - 1 do list[i] = list[i + 1] end
  if position <= size then list[size > position and size or position] = nil end
  return found
end

local sort = table.sort
local function ascending(a, b) return a < b end
function table.sort(list, before)
  if before == nil then return sort(list, ascending) end
  -- A comparator may be a host function, which reaches no hook either.
  sort(list, function(a, b) return before(a, b) end)
end

-- The answers of a step, kept by the closure that asked for it.
function string.gmatch(text, pattern, from)
  local excluded = -1
  from = from or 1
  local function take(first, last, ...)
    if not first then
      from = #text + 2
      return nil
    end
    from, excluded = last + 1, last
    return ...
  end
  return function() return take(step(text, pattern, from, excluded, false)) end
end

local function substitute(replacement, whole, ...)
  local value
  if type(replacement) == "table" then value = replacement[(...)] else value = replacement(...) end
  if not value then return whole end
  if type(value) ~= "string" and type(value) ~= "number" then
    error("invalid replacement value (a " .. type(value) .. ")", 3)
  end
  return value
end

local concat = table.concat
function string.gsub(text, pattern, replacement, most)
  local kind = type(replacement)
  if kind == "string" or kind == "number" then return replace(text, pattern, replacement, most) end
  if kind ~= "table" and kind ~= "function" then
    error("string.gsub replaces by a string, a table or a function, not by a " .. kind, 2)
  end
  text = text .. ""
  local pieces, count, from, excluded = {}, 0, 1, -1
  local is_anchored = pattern:byte(1) == 94
  local function take(first, last, ...)
    if not first then return false end
    pieces[#pieces + 1] = text:sub(from, first - 1)
    pieces[#pieces + 1] = substitute(replacement, text:sub(first, last), ...)
    count, from, excluded = count + 1, last + 1, last
    return not is_anchored
  end
  while (not most or count < most) and take(step(text, pattern, from, excluded, true)) do end
  pieces[#pieces + 1] = text:sub(from)
  return concat(pieces), count
end

local MAX_LIST = 16384
function table.concat(list, separator, first, last)
  first = first or 1
  last = last or #list
  if last - first >= MAX_LIST or last > first and last - first < 0 then
    error("table.concat joins at most " .. MAX_LIST .. " values", 2)
  end
  return concat(list, separator, first, last)
end

local unpack = table.unpack
function table.unpack(list, first, last)
  first = first or 1
  last = last or #list
  if last - first >= MAX_LIST or last > first and last - first < 0 then
    error("table.unpack answers at most " .. MAX_LIST .. " values", 2)
  end
  return unpack(list, first, last)
end
`;

/** To be called once, before any other code runs in the state. */
export function closeSandbox(state: LuaState): void {
  definePatternFunctions(state);
  state.run(SANDBOX.replace("= ...", `= ${MAX_STRING_BYTES}`), "[sandbox]");
}
