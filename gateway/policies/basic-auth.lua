-- Asks for a user name and a password (RFC 7617); who has none is answered 401.
--
--   users        list of "name:sha256" or "name:salt:sha256", where sha256 is the digest, in hexadecimal,     required
--                of the password, or of salt and password written one after the other
--   realm        what the browser shows                                                                       "restricted"
--   keep_header  whether the app gets the Authorization header                                                false
--
-- A digest is made by: printf %s "$salt$password" | sha256sum
-- Digests are fast to compute, for those who guess too: use long random passwords, and a salt.

local function check_user(user)
  local digest = user:match("^[^:]+:([^:]*)$") or user:match("^[^:]+:[^:]+:([^:]*)$")
  if digest and #digest == 64 and not digest:find("%X") then return true end
  return "must be name:sha256 or name:salt:sha256, the digest in 64 hexadecimal digits"
end

local settings = settings{
  users = { type = "list", required = true, check = check_user },
  realm = { type = "string", default = "restricted", check = function(realm)
    return not realm:find('[%c"\\]') or "must not have quotes, backslashes or control characters"
  end },
  keep_header = { type = "boolean", default = false },
}

local users = {}
for _, user in ipairs(settings.users) do
  local name, rest, digest = user:match("^([^:]+):(.-):?(%x+)$")
  if users[name] then error("setting users names " .. name .. " twice") end
  users[name] = { salt = rest, digest = digest:lower() }
end
-- Who is not known costs as much time as who is.
local nobody = { salt = "", digest = ("0"):rep(64) }

local challenge = 'Basic realm="' .. settings.realm .. '", charset="UTF-8"'
local keep_header = settings.keep_header

local function is_known(authorization)
  local scheme, encoded = (authorization or ""):match("^(%a+) +(%S+) *$")
  if not scheme or scheme:lower() ~= "basic" then return false end
  local name, password = (base64_decode(encoded) or ""):match("^([^:]*):(.*)$")
  if not name then return false end
  local user = users[name] or nobody
  return equal(sha256(user.salt .. password), user.digest)
end

function on_request(req)
  if is_known(req:header("authorization")) then
    if not keep_header then req:remove_header("authorization") end
    return
  end
  resp:set_header("www-authenticate", challenge)
  resp:set_header("cache-control", "no-store")
  return deny(401, "A user name and a password are needed.\n")
end
