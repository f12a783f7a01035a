"""A file to start from: every part of a provider's file, with what it is for."""

from providers.spec.template import FILTERS

__all__ = ["skeleton"]

_SKELETON = """\
# A provider that is asked over HTTP. Try it with its own examples below; no code is needed. Nearly
# all may be left out: `enrich providers new NAME --minimal` writes what a file needs.
name = "@NAME@"                  # small letters, digits, underscores; the name of this file
version = "1"                    # a new one voids what is cached of the old one
title = "What it is, in one line"
state = "active"                 # active, deprecated or gone; then also: successor = "…"
# free and cheap are asked at once and side by side; premium one by one, in the order of price, for
# cells that are still open then: for what costs more than a few cents a row.
tier = "cheap"
licence = "commercial, by contract"
source = "https://example.com/docs"
data_class = "company"           # public, company or personal: a note for people, no effect
base_url = "https://api.example.com/v1"
contact = false                  # true: it wants a User-Agent that says whom to write to
# hedge = true                   # a slow question may be asked twice: free, or billed once by a key

# Alternatives: a row can be asked about when it has all fields of one of them.
inputs = [["domain"], ["company_name", "country_code"]]
optional_inputs = []             # sent along when the row has them
guessed = ["limits[0].count"]    # keys of this file that are not from the provider's own words

# Of one answer, in US dollars (a credit of ours is one dollar), never in the vendor's own units: 2
# of theirs at 5 dollars a thousand are 2 * 5 / 1000 = 0.01. A literal 2 would be 2 dollars a row.
[price]
credits = 0.01
charge = "on_hit"                # on_hit, or on_call: misses are paid for too
# spent_header = "x-credits"     # how many of its units a call took; credits is the price of one

# [idempotency]                  # a paid call's key: when it comes again, it is charged once
# header = "Idempotency-Key"
# lookup = {path = "/calls/{$call}"}   # or: ask by the key what came of a call
# unknown = [404]                # the status that says it never got the call

[auth]
kind = "header"                  # none, header, bearer, basic, query, oauth2 (with token_url)
name = "X-Api-Key"               # of the header or the parameter
# prefix = "Token "              # stands before the key
# The key itself never stands here: enrich credentials add @NAME@

[[limits]]
count = 60
per_s = 60
of = "key"                       # key, ip or account

[timeouts]                       # seconds
connect_s = 2.0
read_s = 5.0
total_s = 10.0

# What is tried again at once, within the call's time: connections that never came about, and with
# on = "unavailable" also 5xx and time-outs; that is for files whose requests are all GET.
[retry]
attempts = 1                     # at most 3; 0 is never
on = "connect"
pause_s = 0.5                    # twice as long each time

[keep]                           # seconds that answers are kept
found_s = 604800
not_found_s = 86400

# The first request whose needs a row has is sent. A hole {field} takes the row's value, escaped for
# its place; what has no value is left out. Filters: @FILTERS@.
[[request]]
needs = ["domain"]
path = "/companies/{domain|lower}"

# query = { fields = "all" }     # parameters after the ?, as templates
# headers = { Accept = "application/json" }

[[request]]
needs = ["company_name"]
method = "POST"
path = "/companies/search"
json = { name = "{company_name}", country = "{country_code|upper}" }

# Many rows in one call, when more than one asks. `item` is one row's question, in the list at
# `into` of the body (empty: the body is the list). `answers` starts at the top of the reply and
# finds the list of entries; answer_key, [response] record and fields, and the `when` of rules about
# rows start at an entry of it. An entry is the row's whose `key` is at its `answer_key`
# (match = "position": whose place it has). A row without one was not found; where every question
# has one, missing = "malformed". `check` wants a [[bulk.example]].
# [bulk]
# size = 50
# method = "POST"
# path = "/companies/bulk"
# into = "domains"
# item = "{domain|lower}"
# answers = "results"
# key = "{domain|lower}"
# answer_key = "of"
# [[bulk.example]]
# name = "three in another order, one of them unknown"
# body = '''{"results": [
#   {"of": "two.example", "company": {"name": "Two", "score": 90}},
#   {"of": "one.example", "company": {"name": "One", "score": 100}}]}'''
# rows = [
#   { inputs = { domain = "one.example" }, outcome = "found", values = { company_name = "One" } },
#   { inputs = { domain = "nobody.example" }, outcome = "not_found" },
#   { inputs = { domain = "two.example" }, outcome = "found", values = { company_name = "Two" } },
# ]
# Work that takes time: an outcome "pending" with a token, and [deferred.poll], which asks by it.

# What replies mean; the first rule that holds speaks. Without one: 2xx found, 400 and 422
# invalid_input, 401 and 403 unauthorized, 402 credits_exhausted, 408 and 5xx unavailable, 410 gone,
# 429 rate_limited (until Retry-After; without it for 60 s, or for retry_s of its rule), 451
# legal_block. 404 must be said: with some it means that the path is wrong.
[[outcomes]]
status = 404
outcome = "not_found"

[[outcomes]]
status = 200
when = "error.code == 'quota'"   # JMESPath on the body
outcome = "credits_exhausted"
reset_at = [{ calendar = "month" }]   # or day; or from the reply, as below

# Another way to say that there were too many, and in which header or place of the body it says
# when to come back; forms: retry_after, seconds, milliseconds, epoch_s, epoch_ms, iso.
# [[outcomes]]
# status = 420                   # a status, a list of them, or '5xx'
# outcome = "rate_limited"
# retry_at = [{ header = "X-Wait", form = "seconds" }, { body = "wait_until", form = "iso" }]

# In a [bulk] reply, a `when` for not_found, invalid_input or malformed is asked of each entry;
# others of the whole reply, then of each. scope = "entry" or "reply" says otherwise.

# A good answer is read here; one that has none of the fields is not_found.
[response]
record = "company"               # JMESPath; the other paths start here
echo = [{ input = "domain", path = "domain", type = "domain" }]

# How sure it says it is, of `scale`. A value's confidence is prior * score / scale: 0.9 * 80 / 100
# is 0.72. Without this part it is the prior.
[response.confidence]
path = "score"
scale = 100
missing = 0.5                    # in the place of score / scale, where it says nothing

# Paths are JMESPath, with from_json(text) for JSON in a string, and slice(text, `0`, `4`).
# What it gives: names from `enrich providers fields`; prior is how far a value is trusted before
# that, between 0 and 1: it is never trusted more.
# Types: text, integer, number, year, date, url, domain, email, phone, flag, list, country_code,
# code. Its word for a value becomes ours with: values = { "SW" = "Software" }
[response.fields]
company_name = { path = "name", prior = 0.9 }
domain = { path = "domain", type = "domain", prior = 0.95 }
employees = { path = "size", type = "integer", prior = 0.7 }
founded = { path = "founded", type = "year", prior = 0.8 }

# Replies and what they must become; `enrich providers check` tries them, simulators answer as they
# do. Needed: one found, one not_found, one unavailable, and one of each outcome that [[outcomes]]
# names. `sends` is optional: method and address as sent, values percent-encoded (a@b.c is a%40b.c).
[[example]]
name = "a company that is known"
inputs = { domain = "example.com" }
sends = "GET https://api.example.com/v1/companies/example.com"
body = '{"company": {"name": "Example", "domain": "www.example.com", "size": "1,200", "score": 80}}'
outcome = "found"
values = { company_name = "Example", domain = "example.com", employees = 1200 }
confidence = { company_name = 0.72 }

[[example]]
name = "nobody"
inputs = { domain = "nobody.example" }
status = 404
outcome = "not_found"

[[example]]
name = "the month's quota is used up"
inputs = { domain = "example.com" }
body = '{"error": {"code": "quota"}}'
outcome = "credits_exhausted"

[[example]]
name = "too many"
inputs = { domain = "example.com" }
status = 429
headers = { Retry-After = "7" }  # what the reply has; `check` says which header no example shows
outcome = "rate_limited"
retry_s = 7                      # when it wants to be asked again

[[example]]
name = "it is down"
inputs = { domain = "example.com" }
status = 503
outcome = "unavailable"
"""


_MINIMAL = """\
name = "@NAME@"                  # the name of this file
title = "What it is, in one line"
tier = "cheap"                   # free and cheap are asked at once; premium for what is open then
licence = "commercial, by contract"
source = "https://example.com/docs"
data_class = "company"           # public, company or personal
base_url = "https://api.example.com/v1"
inputs = [["domain"]]            # what a row must have: [["a", "b"], ["c"]] is a and b, or c
price = { credits = 0.01 }       # US dollars for each hit, not the vendor's own units
auth = { kind = "header", name = "X-Api-Key" }   # the key: enrich credentials add @NAME@
request = [{ path = "/companies/{domain|lower}" }]
outcomes = [{ status = 404, outcome = "not_found" }]

# JMESPath into the reply; names from `enrich providers fields`; prior: how far it is trusted.
[response.fields]
company_name = { path = "company.name", prior = 0.9 }
employees = { path = "company.size", type = "integer", prior = 0.7 }

# Replies and what they must become: these three at least, and each outcome that is named above.
[[example]]
name = "a company that is known"
inputs = { domain = "example.com" }
body = '{"company": {"name": "Example", "size": "1,200"}}'
outcome = "found"
values = { company_name = "Example", employees = 1200 }

[[example]]
name = "nobody"
inputs = { domain = "nobody.example" }
status = 404
outcome = "not_found"

[[example]]
name = "it is down"
inputs = { domain = "example.com" }
status = 503
outcome = "unavailable"
"""


def skeleton(name: str, *, minimal: bool = False) -> str:
    """Give the text of a file for a provider of this name: it loads, and its examples hold.

    It explains every part; `minimal` has those that a file needs.
    """
    filters = ", ".join(sorted(FILTERS))
    text = (_MINIMAL if minimal else _SKELETON).replace("@NAME@", name)
    return text.replace("@FILTERS@", filters)
