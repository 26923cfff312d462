-- The policy as a module for nginx (LuaJIT) and HAProxy (Lua 5.3): a token bucket for each client and a sticky split
-- by hash. Plain arithmetic, so that both compute the same hash.
local M = {}
local byte = string.byte
local RATE, BURST = 1000000, 1000000
local buckets = {}

local function hash(text)
  local value = 5381
  for i = 1, #text do
    value = (value * 33 + byte(text, i)) % 4294967296
  end
  return value
end

--- Whether the client may go on, and the upstream it gets.
function M.decide(client, now)
  local bucket = buckets[client]
  if not bucket then
    bucket = { tokens = BURST, at = now }
    buckets[client] = bucket
  end
  local tokens = math.min(BURST, bucket.tokens + (now - bucket.at) * RATE)
  bucket.at = now
  if tokens < 1 then
    bucket.tokens = tokens
    return false
  end
  bucket.tokens = tokens - 1
  return true, hash(client) % 100 < 90 and "a" or "b"
end

return M
