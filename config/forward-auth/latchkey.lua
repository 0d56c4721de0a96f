-- Asks Latchkey about a request, for haproxy.cfg in this folder: http-request lua.latchkey URL
-- The URL is that of /auth/verify, with ?directory= if the path does not name the directory.

-- Latchkey responds within 5 s even when its store is down.
local TIMEOUT_MS = 8000

-- Sent to the SCIM server with an accepted request.
local IDENTITY = { "x-scim-directory", "x-scim-organization", "x-scim-credential", "x-scim-scope", "x-request-id" }

-- Sent to the IdP with a refusal.
local REFUSAL = { "www-authenticate", "retry-after", "content-type", "cache-control", "x-request-id" }

-- The statuses with which Latchkey refuses. Any other response is not from Latchkey.
local REFUSALS = { [400] = true, [401] = true, [403] = true, [429] = true, [431] = true, [503] = true }

local UNAVAILABLE = '{"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"status":"503",'
  .. '"detail":"The credential cannot be checked at the moment. Try again."}'

-- HAProxy numbers a header's values from 0.
local function first(headers, name)
  local values = headers and headers[name]
  return values and values[0]
end

local function all(headers, name)
  local values = {}
  for index = 0, 99 do
    local value = headers[name] and headers[name][index]
    if value == nil then break end
    values[#values + 1] = value
  end
  return values
end

local function ask(txn, url)
  local headers = txn.http:req_get_headers()
  return core.httpclient():get({
    url = url,
    timeout = TIMEOUT_MS,
    -- Of the client's headers, only these are sent, so the client can't name a directory, method or address other than its own.
    headers = {
      ["authorization"] = all(headers, "authorization"),
      ["user-agent"] = { first(headers, "user-agent") or "" },
      ["x-original-uri"] = { txn.f:pathq() },
      ["x-original-method"] = { txn.f:method() },
      ["x-forwarded-for"] = { txn.f:src() },
    },
  })
end

local function unavailable(txn)
  txn:done(txn:reply({
    status = 503,
    headers = {
      ["content-type"] = { "application/scim+json" },
      ["retry-after"] = { "5" },
      ["cache-control"] = { "no-store" },
    },
    body = UNAVAILABLE,
  }))
end

core.register_action("latchkey", { "http-req" }, function(txn, url)
  local isAnswered, answer = pcall(ask, txn, url)
  if not isAnswered or not answer then return unavailable(txn) end
  if answer.status == 200 and first(answer.headers, "x-scim-directory") then
    for _, name in ipairs(IDENTITY) do
      txn.http:req_set_header(name, first(answer.headers, name) or "")
    end
    txn.http:req_del_header("authorization")
    return
  end
  -- HAProxy itself returns 503, without a request ID, if it can't reach Latchkey.
  if not REFUSALS[answer.status] or not first(answer.headers, "x-request-id") then return unavailable(txn) end
  local headers = {}
  for _, name in ipairs(REFUSAL) do
    local value = first(answer.headers, name)
    if value then headers[name] = { value } end
  end
  txn:done(txn:reply({ status = answer.status, headers = headers, body = answer.body }))
end, 1)
