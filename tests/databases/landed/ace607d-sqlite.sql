CREATE TABLE "apikeys_apikey" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "key_id" varchar(15) NOT NULL UNIQUE, "label" varchar(200) NOT NULL, "owner" varchar(200) NOT NULL, "scopes" text NOT NULL CHECK ((JSON_VALID("scopes") OR "scopes" IS NULL)), "rate_limit" text NULL CHECK ((JSON_VALID("rate_limit") OR "rate_limit" IS NULL)), "enabled" bool NOT NULL, "expires_at" datetime NULL, "revoked_at" datetime NULL, "metadata" text NOT NULL CHECK ((JSON_VALID("metadata") OR "metadata" IS NULL)), "burst" integer GENERATED ALWAYS AS (CAST((CASE WHEN JSON_TYPE("rate_limit", '$."burst"') IN ('null','false','true') THEN JSON_TYPE("rate_limit", '$."burst"') ELSE JSON_EXTRACT("rate_limit", '$."burst"') END) AS integer)) STORED, "system" bool NOT NULL, "expiry_told" bool NOT NULL, "epoch" integer unsigned NOT NULL CHECK ("epoch" >= 0), "created_at" datetime NOT NULL, "last_used_at" datetime NULL, CONSTRAINT "key_id_shape" CHECK ("key_id" REGEXP '^lk_[0-9a-z]{12}$'), CONSTRAINT "key_epoch_positive" CHECK ("epoch" >= 1), CONSTRAINT "key_has_label" CHECK (NOT ("label" = '')));
CREATE TABLE "apikeys_keycensus" ("id" smallint unsigned NOT NULL PRIMARY KEY CHECK ("id" >= 0), "taken_at" datetime NOT NULL, "counts" text NOT NULL CHECK ((JSON_VALID("counts") OR "counts" IS NULL)), CONSTRAINT "census_is_one_row" CHECK ("id" = 1));
CREATE TABLE "apikeys_keysecret" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "state" varchar(8) NOT NULL, "slot" smallint unsigned NOT NULL CHECK ("slot" >= 0), "digest" BLOB NOT NULL, "pepper_id" varchar(32) NOT NULL, "created_at" datetime NOT NULL, "expires_at" datetime NULL, "overdue_at" datetime NULL, "last_used_at" datetime NULL, "key_id" bigint NOT NULL REFERENCES "apikeys_apikey" ("id") DEFERRABLE INITIALLY DEFERRED, CONSTRAINT "one_secret_a_state" UNIQUE ("key_id", "state"), CONSTRAINT "one_secret_a_slot" UNIQUE ("key_id", "slot"), CONSTRAINT "secret_slot_0_or_1" CHECK ("slot" IN (0, 1)), CONSTRAINT "retiring_secret_has_end" CHECK ((("expires_at" IS NULL AND "state" = 'active') OR ("expires_at" IS NOT NULL AND "state" = 'retiring'))));
CREATE TABLE "apikeys_keyword" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "word" varchar(64) NOT NULL, "key_id" bigint NOT NULL REFERENCES "apikeys_apikey" ("id") DEFERRABLE INITIALLY DEFERRED, CONSTRAINT "one_row_a_key_and_word" UNIQUE ("key_id", "word"));
CREATE TABLE "apikeys_usage" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "step" varchar(6) NOT NULL, "start" datetime NOT NULL, "allowed" bigint unsigned NOT NULL CHECK ("allowed" >= 0), "throttled" bigint unsigned NOT NULL CHECK ("throttled" >= 0), "key_id" bigint NOT NULL REFERENCES "apikeys_apikey" ("id") DEFERRABLE INITIALLY DEFERRED, CONSTRAINT "one_row_a_key_and_step" UNIQUE ("key_id", "step", "start"));
CREATE TABLE "apikeys_usagemark" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "allowed" bigint unsigned NOT NULL CHECK ("allowed" >= 0), "throttled" bigint unsigned NOT NULL CHECK ("throttled" >= 0), "key_id" bigint NOT NULL REFERENCES "apikeys_apikey" ("id") DEFERRABLE INITIALLY DEFERRED, "source_id" bigint NOT NULL REFERENCES "apikeys_usagesource" ("id") DEFERRABLE INITIALLY DEFERRED, CONSTRAINT "one_mark_a_key_and_store" UNIQUE ("key_id", "source_id"));
CREATE TABLE "apikeys_usagesource" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "generation" varchar(64) NOT NULL UNIQUE, "seen_at" datetime NOT NULL);
CREATE TABLE "apikeys_usagetotal" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "step" varchar(6) NOT NULL, "start" datetime NOT NULL, "allowed" bigint unsigned NOT NULL CHECK ("allowed" >= 0), "throttled" bigint unsigned NOT NULL CHECK ("throttled" >= 0), CONSTRAINT "one_total_a_step" UNIQUE ("step", "start"));
CREATE TABLE "auth_group" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "name" varchar(150) NOT NULL UNIQUE);
CREATE TABLE "auth_group_permissions" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "group_id" integer NOT NULL REFERENCES "auth_group" ("id") DEFERRABLE INITIALLY DEFERRED, "permission_id" integer NOT NULL REFERENCES "auth_permission" ("id") DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE "auth_permission" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "content_type_id" integer NOT NULL REFERENCES "django_content_type" ("id") DEFERRABLE INITIALLY DEFERRED, "codename" varchar(100) NOT NULL, "name" varchar(255) NOT NULL);
CREATE TABLE "auth_user" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "password" varchar(128) NOT NULL, "last_login" datetime NULL, "is_superuser" bool NOT NULL, "username" varchar(150) NOT NULL UNIQUE, "last_name" varchar(150) NOT NULL, "email" varchar(254) NOT NULL, "is_staff" bool NOT NULL, "is_active" bool NOT NULL, "date_joined" datetime NOT NULL, "first_name" varchar(150) NOT NULL);
CREATE TABLE "auth_user_groups" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "user_id" integer NOT NULL REFERENCES "auth_user" ("id") DEFERRABLE INITIALLY DEFERRED, "group_id" integer NOT NULL REFERENCES "auth_group" ("id") DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE "auth_user_user_permissions" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "user_id" integer NOT NULL REFERENCES "auth_user" ("id") DEFERRABLE INITIALLY DEFERRED, "permission_id" integer NOT NULL REFERENCES "auth_permission" ("id") DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE "axes_accessattempt" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "user_agent" varchar(255) NOT NULL, "ip_address" char(39) NULL, "username" varchar(255) NULL, "http_accept" varchar(1025) NOT NULL, "path_info" varchar(255) NOT NULL, "attempt_time" datetime NOT NULL, "get_data" text NOT NULL, "post_data" text NOT NULL, "failures_since_start" integer unsigned NOT NULL CHECK ("failures_since_start" >= 0));
CREATE TABLE "axes_accessattemptexpiration" ("access_attempt_id" integer NOT NULL PRIMARY KEY REFERENCES "axes_accessattempt" ("id") DEFERRABLE INITIALLY DEFERRED, "expires_at" datetime NOT NULL);
CREATE TABLE "axes_accessfailurelog" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "user_agent" varchar(255) NOT NULL, "ip_address" char(39) NULL, "username" varchar(255) NULL, "http_accept" varchar(1025) NOT NULL, "path_info" varchar(255) NOT NULL, "attempt_time" datetime NOT NULL, "locked_out" bool NOT NULL);
CREATE TABLE "axes_accesslog" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "user_agent" varchar(255) NOT NULL, "ip_address" char(39) NULL, "username" varchar(255) NULL, "http_accept" varchar(1025) NOT NULL, "path_info" varchar(255) NOT NULL, "attempt_time" datetime NOT NULL, "logout_time" datetime NULL, "session_hash" varchar(64) NOT NULL);
CREATE TABLE "console_sentform" ("token" varchar(64) NOT NULL PRIMARY KEY, "sent_at" datetime NOT NULL);
CREATE TABLE "django_admin_log" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "object_id" text NULL, "object_repr" varchar(200) NOT NULL, "action_flag" smallint unsigned NOT NULL CHECK ("action_flag" >= 0), "change_message" text NOT NULL, "content_type_id" integer NULL REFERENCES "django_content_type" ("id") DEFERRABLE INITIALLY DEFERRED, "user_id" integer NOT NULL REFERENCES "auth_user" ("id") DEFERRABLE INITIALLY DEFERRED, "action_time" datetime NOT NULL);
CREATE TABLE "django_content_type" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "app_label" varchar(100) NOT NULL, "model" varchar(100) NOT NULL);
CREATE TABLE "django_migrations" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "app" varchar(255) NOT NULL, "name" varchar(255) NOT NULL, "applied" datetime NOT NULL);
CREATE TABLE "django_session" ("session_key" varchar(40) NOT NULL PRIMARY KEY, "session_data" text NOT NULL, "expire_date" datetime NOT NULL);
CREATE TABLE "events_chainhead" ("id" smallint unsigned NOT NULL PRIMARY KEY CHECK ("id" >= 0), "last_id" bigint NOT NULL, "digest" varchar(64) NOT NULL, CONSTRAINT "chain_head_is_one_row" CHECK ("id" = 1));
CREATE TABLE "events_event" ("id" bigint NOT NULL PRIMARY KEY, "type" varchar(64) NOT NULL, "at" datetime NOT NULL, "actor" varchar(200) NOT NULL, "request_id" varchar(128) NOT NULL, "key_id" varchar(15) NOT NULL, "data_json" text NOT NULL, "digest" varchar(64) NOT NULL);
CREATE TABLE "events_patrol" ("id" smallint unsigned NOT NULL PRIMARY KEY CHECK ("id" >= 0), "through_id" bigint NOT NULL, "digest" varchar(64) NOT NULL, "finished_at" datetime NULL, "broken_at" bigint NULL, "reason" varchar(200) NOT NULL, CONSTRAINT "patrol_is_one_row" CHECK ("id" = 1));
CREATE TABLE "events_seal" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "first_id" bigint NOT NULL UNIQUE, "last_id" bigint NOT NULL UNIQUE, "previous_digest" varchar(64) NOT NULL UNIQUE, "digest" varchar(64) NOT NULL, "sealed_at" datetime NOT NULL, "pepper_id" varchar(32) NOT NULL, "signature" varchar(64) NOT NULL);
CREATE TABLE "events_webhookendpoint" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "endpoint_id" varchar(15) NOT NULL UNIQUE, "url" varchar(2000) NOT NULL, "label" varchar(200) NOT NULL, "event_types" text NOT NULL CHECK ((JSON_VALID("event_types") OR "event_types" IS NULL)), "enabled" bool NOT NULL, "disabled_reason" varchar(8) NOT NULL, "created_at" datetime NOT NULL, "revision" integer unsigned NOT NULL CHECK ("revision" >= 0), "salt" varchar(32) NOT NULL, "pepper_id" varchar(32) NOT NULL, "retiring_salt" varchar(32) NOT NULL, "retiring_pepper_id" varchar(32) NOT NULL, "retiring_until" datetime NULL, "delivered_through" bigint NOT NULL, "failures" integer unsigned NOT NULL CHECK ("failures" >= 0), "failing_since" datetime NULL, "next_attempt_at" datetime NULL, "last_attempt_at" datetime NULL, "last_status" smallint unsigned NULL CHECK ("last_status" >= 0), "last_error" varchar(200) NOT NULL, "test_requested_at" datetime NULL, "tested_at" datetime NULL, "last_test" text NULL CHECK ((JSON_VALID("last_test") OR "last_test" IS NULL)), CONSTRAINT "webhook_id_shape" CHECK ("endpoint_id" REGEXP '^wh_[0-9a-z]{12}$'), CONSTRAINT "webhook_disabled_has_reason" CHECK ((("disabled_reason" = '' AND "enabled") OR (NOT "enabled" AND NOT ("disabled_reason" = '')))));
CREATE TABLE "health_failureburst" ("address" varchar(64) NOT NULL PRIMARY KEY, "since" datetime NOT NULL, "last_at" datetime NOT NULL, "refused" bigint unsigned NOT NULL CHECK ("refused" >= 0));
CREATE TABLE "health_incident" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "guard_rail" varchar(64) NOT NULL, "severity" varchar(8) NOT NULL, "count" integer unsigned NOT NULL CHECK ("count" >= 0), "detail" text NOT NULL, "opened_at" datetime NOT NULL, "opened_by" bigint NULL, "closed_at" datetime NULL, "closed_by" bigint NULL);
CREATE TABLE "health_lease" ("name" varchar(64) NOT NULL PRIMARY KEY, "holder" varchar(64) NOT NULL, "expires_at" datetime NOT NULL);
CREATE TABLE "health_storeoutage" ("node" varchar(32) NOT NULL PRIMARY KEY, "host" varchar(255) NOT NULL, "since" datetime NOT NULL, "seen_at" datetime NOT NULL);
CREATE TABLE "health_waiver" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "guard_rail" varchar(64) NOT NULL, "key_id" varchar(15) NOT NULL, "reason" varchar(200) NOT NULL, "granted_by" varchar(200) NOT NULL, "granted_at" datetime NOT NULL, "ends_at" datetime NOT NULL, "ended_at" datetime NULL, "ended_by" varchar(200) NOT NULL);
CREATE TABLE "otp_static_staticdevice" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "name" varchar(64) NOT NULL, "confirmed" bool NOT NULL, "user_id" integer NOT NULL REFERENCES "auth_user" ("id") DEFERRABLE INITIALLY DEFERRED, "throttling_failure_count" integer unsigned NOT NULL CHECK ("throttling_failure_count" >= 0), "throttling_failure_timestamp" datetime NULL, "created_at" datetime NULL, "last_used_at" datetime NULL);
CREATE TABLE "otp_static_statictoken" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "token" varchar(16) NOT NULL, "device_id" integer NOT NULL REFERENCES "otp_static_staticdevice" ("id") DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE "otp_totp_totpdevice" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "name" varchar(64) NOT NULL, "confirmed" bool NOT NULL, "key" varchar(80) NOT NULL, "step" smallint unsigned NOT NULL CHECK ("step" >= 0), "t0" bigint NOT NULL, "digits" smallint unsigned NOT NULL CHECK ("digits" >= 0), "tolerance" smallint unsigned NOT NULL CHECK ("tolerance" >= 0), "drift" smallint NOT NULL, "last_t" bigint NOT NULL, "user_id" integer NOT NULL REFERENCES "auth_user" ("id") DEFERRABLE INITIALLY DEFERRED, "throttling_failure_count" integer unsigned NOT NULL CHECK ("throttling_failure_count" >= 0), "throttling_failure_timestamp" datetime NULL, "created_at" datetime NULL, "last_used_at" datetime NULL);
COPY apikeys_apikey ("id", "key_id", "label", "owner", "scopes", "rate_limit", "enabled", "expires_at", "revoked_at", "metadata", "system", "expiry_told", "epoch", "created_at", "last_used_at") FROM stdin;
1	lk_k9p34y6n3wd2	key root	Zoë	["*"]	{"burst": 5, "per_seconds": 60}	1	2126-01-01 00:00:00	\N	{"n": 1}	0	0	1	2026-11-20 12:00:00	\N
2	lk_5rq4f5zr37e3	key rotating	Zoë	[]	{"burst": 5, "per_seconds": 60}	1	2126-01-01 00:00:00	\N	{"n": 1}	0	0	2	2026-11-20 12:00:00	\N
3	lk_p3e2z8iq9y7j	key disabled	Zoë	[]	{"burst": 5, "per_seconds": 60}	0	2126-01-01 00:00:00	\N	{"n": 1}	0	0	2	2026-11-20 12:00:00	\N
4	lk_zb6cn6z43dvy	key revoked	Zoë	["orders:read"]	{"burst": 5, "per_seconds": 60}	1	2126-01-01 00:00:00	2026-11-20 12:00:00	{"n": 1}	0	0	2	2026-11-20 12:00:00	\N
5	lk_rkttnjfbf5jx	key unlimited	Zoë	[]	\N	1	2126-01-01 00:00:00	\N	{"n": 1}	0	0	1	2026-11-20 12:00:00	\N
\.
COPY apikeys_keycensus ("id", "taken_at", "counts") FROM stdin;
\.
COPY apikeys_keysecret ("id", "state", "slot", "digest", "pepper_id", "created_at", "expires_at", "overdue_at", "last_used_at", "key_id") FROM stdin;
1	active	0	\\xe90079ad3d3cbd0a468839c82f08183a36b93506c3ba1663c5f4dbef00bfab03	p2	2026-11-20 12:00:00	\N	\N	\N	1
2	retiring	0	\\x232fa9a1205a0699bf5f418e09d2bf41c90974841a2c69eebc49d0a365c96229	p2	2026-11-20 12:00:00	2126-01-01 00:00:00	2026-12-20 12:00:00	\N	2
3	active	0	\\xc68c6a1b7ac021d5b5028313f351cb92515422d380826c5c17352209e346fd16	p2	2026-11-20 12:00:00	\N	\N	\N	3
4	active	0	\\x63b492c4f707a45d01c6509b58dc7e5c916dd7ad4ac36c7104be04395f9d2941	p2	2026-11-20 12:00:00	\N	\N	\N	4
5	active	0	\\x5424fcefb0060e420845087a73b81cda4d8dd5712d26e046cb72f607d10e6fd3	p2	2026-11-20 12:00:00	\N	\N	\N	5
6	active	1	\\xcecba6912854d5c01bcde67a0f30ad56069ba783decd6cbcb442ade92dde6999	p2	2026-11-21 12:00:00	\N	\N	\N	2
\.
COPY apikeys_keyword ("id", "word", "key_id") FROM stdin;
1	key	1
2	zoe	1
3	root	1
4	key	2
5	rotating	2
6	zoe	2
7	key	3
8	zoe	3
9	disabled	3
10	key	4
11	revoked	4
12	zoe	4
13	key	5
14	unlimited	5
15	zoe	5
\.
COPY apikeys_usage ("id", "step", "start", "allowed", "throttled", "key_id") FROM stdin;
1	minute	2026-11-19 12:00:00	1000	1	1
2	hour	2026-11-19 12:00:00	1000	1	1
3	day	2026-11-19 12:00:00	1000	1	1
4	minute	2026-11-19 12:00:00	2000	2	2
5	hour	2026-11-19 12:00:00	2000	2	2
6	day	2026-11-19 12:00:00	2000	2	2
7	minute	2026-11-19 12:00:00	3000	3	3
8	hour	2026-11-19 12:00:00	3000	3	3
9	day	2026-11-19 12:00:00	3000	3	3
10	minute	2026-11-19 12:00:00	4000	4	4
11	hour	2026-11-19 12:00:00	4000	4	4
12	day	2026-11-19 12:00:00	4000	4	4
13	minute	2026-11-19 12:00:00	5000	5	5
14	hour	2026-11-19 12:00:00	5000	5	5
15	day	2026-11-19 12:00:00	5000	5	5
\.
COPY apikeys_usagemark ("id", "allowed", "throttled", "key_id", "source_id") FROM stdin;
1	1000	1	1	1
2	2000	2	2	1
3	3000	3	3	1
4	4000	4	4	1
5	5000	5	5	1
\.
COPY apikeys_usagesource ("id", "generation", "seen_at") FROM stdin;
1	gggggggggggggggggggggggggggggggg	2026-11-20 12:00:00
\.
COPY apikeys_usagetotal ("id", "step", "start", "allowed", "throttled") FROM stdin;
1	day	2026-11-19 12:00:00	15000	15
\.
COPY auth_group ("id", "name") FROM stdin;
1	viewer
2	operator
3	administrator
\.
COPY auth_group_permissions ("id", "group_id", "permission_id") FROM stdin;
1	1	4
2	1	36
3	1	52
4	1	64
5	1	68
6	2	4
7	2	36
8	2	52
9	2	64
10	2	68
11	2	1
12	2	2
13	2	49
14	2	50
15	2	51
16	2	65
17	3	4
18	3	36
19	3	52
20	3	64
21	3	68
22	3	1
23	3	2
24	3	49
25	3	50
26	3	51
27	3	65
28	3	84
29	3	81
30	3	82
31	3	83
32	3	80
33	3	77
34	3	78
35	3	79
\.
COPY auth_permission ("id", "content_type_id", "codename", "name") FROM stdin;
1	1	add_apikey	Can add API key
2	1	change_apikey	Can change API key
3	1	delete_apikey	Can delete API key
4	1	view_apikey	Can view API key
5	2	add_keycensus	Can add key census
6	2	change_keycensus	Can change key census
7	2	delete_keycensus	Can delete key census
8	2	view_keycensus	Can view key census
9	3	add_keysecret	Can add key secret
10	3	change_keysecret	Can change key secret
11	3	delete_keysecret	Can delete key secret
12	3	view_keysecret	Can view key secret
13	4	add_keyword	Can add key word
14	4	change_keyword	Can change key word
15	4	delete_keyword	Can delete key word
16	4	view_keyword	Can view key word
17	5	add_usage	Can add usage
18	5	change_usage	Can change usage
19	5	delete_usage	Can delete usage
20	5	view_usage	Can view usage
21	6	add_usagetotal	Can add usage total
22	6	change_usagetotal	Can change usage total
23	6	delete_usagetotal	Can delete usage total
24	6	view_usagetotal	Can view usage total
25	7	add_usagesource	Can add usage source
26	7	change_usagesource	Can change usage source
27	7	delete_usagesource	Can delete usage source
28	7	view_usagesource	Can view usage source
29	8	add_usagemark	Can add usage mark
30	8	change_usagemark	Can change usage mark
31	8	delete_usagemark	Can delete usage mark
32	8	view_usagemark	Can view usage mark
33	9	add_event	Can add event
34	9	change_event	Can change event
35	9	delete_event	Can delete event
36	9	view_event	Can view event
37	10	add_seal	Can add seal
38	10	change_seal	Can change seal
39	10	delete_seal	Can delete seal
40	10	view_seal	Can view seal
41	11	add_chainhead	Can add chain head
42	11	change_chainhead	Can change chain head
43	11	delete_chainhead	Can delete chain head
44	11	view_chainhead	Can view chain head
45	12	add_patrol	Can add patrol
46	12	change_patrol	Can change patrol
47	12	delete_patrol	Can delete patrol
48	12	view_patrol	Can view patrol
49	13	add_webhookendpoint	Can add webhook endpoint
50	13	change_webhookendpoint	Can change webhook endpoint
51	13	delete_webhookendpoint	Can delete webhook endpoint
52	13	view_webhookendpoint	Can view webhook endpoint
53	14	add_failureburst	Can add failure burst
54	14	change_failureburst	Can change failure burst
55	14	delete_failureburst	Can delete failure burst
56	14	view_failureburst	Can view failure burst
57	15	add_lease	Can add lease
58	15	change_lease	Can change lease
59	15	delete_lease	Can delete lease
60	15	view_lease	Can view lease
61	16	add_incident	Can add incident
62	16	change_incident	Can change incident
63	16	delete_incident	Can delete incident
64	16	view_incident	Can view incident
65	17	add_waiver	Can add waiver
66	17	change_waiver	Can change waiver
67	17	delete_waiver	Can delete waiver
68	17	view_waiver	Can view waiver
69	18	add_storeoutage	Can add store outage
70	18	change_storeoutage	Can change store outage
71	18	delete_storeoutage	Can delete store outage
72	18	view_storeoutage	Can view store outage
73	19	add_permission	Can add permission
74	19	change_permission	Can change permission
75	19	delete_permission	Can delete permission
76	19	view_permission	Can view permission
77	20	add_group	Can add group
78	20	change_group	Can change group
79	20	delete_group	Can delete group
80	20	view_group	Can view group
81	21	add_user	Can add user
82	21	change_user	Can change user
83	21	delete_user	Can delete user
84	21	view_user	Can view user
85	22	add_sentform	Can add sent form
86	22	change_sentform	Can change sent form
87	22	delete_sentform	Can delete sent form
88	22	view_sentform	Can view sent form
89	23	add_logentry	Can add log entry
90	23	change_logentry	Can change log entry
91	23	delete_logentry	Can delete log entry
92	23	view_logentry	Can view log entry
93	24	add_contenttype	Can add content type
94	24	change_contenttype	Can change content type
95	24	delete_contenttype	Can delete content type
96	24	view_contenttype	Can view content type
97	25	add_session	Can add session
98	25	change_session	Can change session
99	25	delete_session	Can delete session
100	25	view_session	Can view session
101	26	add_accessattempt	Can add access attempt
102	26	change_accessattempt	Can change access attempt
103	26	delete_accessattempt	Can delete access attempt
104	26	view_accessattempt	Can view access attempt
105	27	add_accesslog	Can add access log
106	27	change_accesslog	Can change access log
107	27	delete_accesslog	Can delete access log
108	27	view_accesslog	Can view access log
109	28	add_accessfailurelog	Can add access failure
110	28	change_accessfailurelog	Can change access failure
111	28	delete_accessfailurelog	Can delete access failure
112	28	view_accessfailurelog	Can view access failure
113	29	add_accessattemptexpiration	Can add access attempt expiration
114	29	change_accessattemptexpiration	Can change access attempt expiration
115	29	delete_accessattemptexpiration	Can delete access attempt expiration
116	29	view_accessattemptexpiration	Can view access attempt expiration
117	30	add_totpdevice	Can add TOTP device
118	30	change_totpdevice	Can change TOTP device
119	30	delete_totpdevice	Can delete TOTP device
120	30	view_totpdevice	Can view TOTP device
121	31	add_staticdevice	Can add static device
122	31	change_staticdevice	Can change static device
123	31	delete_staticdevice	Can delete static device
124	31	view_staticdevice	Can view static device
125	32	add_statictoken	Can add static token
126	32	change_statictoken	Can change static token
127	32	delete_statictoken	Can delete static token
128	32	view_statictoken	Can view static token
\.
COPY auth_user ("id", "password", "last_login", "is_superuser", "username", "last_name", "email", "is_staff", "is_active", "date_joined", "first_name") FROM stdin;
1	argon2$argon2id$v=19$m=102400,t=2,p=8$MDEyMzQ1Njc4OWFiY2RlZg$4EtKreQVGgheaRU5HD/fMqXCOE0P2F93nt4rf+4iLso	\N	1	ada			1	1	2026-11-20 12:00:00	
\.
COPY auth_user_groups ("id", "user_id", "group_id") FROM stdin;
\.
COPY auth_user_user_permissions ("id", "user_id", "permission_id") FROM stdin;
\.
COPY axes_accessattempt ("id", "user_agent", "ip_address", "username", "http_accept", "path_info", "attempt_time", "get_data", "post_data", "failures_since_start") FROM stdin;
\.
COPY axes_accessattemptexpiration ("access_attempt_id", "expires_at") FROM stdin;
\.
COPY axes_accessfailurelog ("id", "user_agent", "ip_address", "username", "http_accept", "path_info", "attempt_time", "locked_out") FROM stdin;
\.
COPY axes_accesslog ("id", "user_agent", "ip_address", "username", "http_accept", "path_info", "attempt_time", "logout_time", "session_hash") FROM stdin;
\.
COPY console_sentform ("token", "sent_at") FROM stdin;
\.
COPY django_admin_log ("id", "object_id", "object_repr", "action_flag", "change_message", "content_type_id", "user_id", "action_time") FROM stdin;
\.
COPY django_content_type ("id", "app_label", "model") FROM stdin;
1	apikeys	apikey
2	apikeys	keycensus
3	apikeys	keysecret
4	apikeys	keyword
5	apikeys	usage
6	apikeys	usagetotal
7	apikeys	usagesource
8	apikeys	usagemark
9	events	event
10	events	seal
11	events	chainhead
12	events	patrol
13	events	webhookendpoint
14	health	failureburst
15	health	lease
16	health	incident
17	health	waiver
18	health	storeoutage
19	auth	permission
20	auth	group
21	auth	user
22	console	sentform
23	admin	logentry
24	contenttypes	contenttype
25	sessions	session
26	axes	accessattempt
27	axes	accesslog
28	axes	accessfailurelog
29	axes	accessattemptexpiration
30	otp_totp	totpdevice
31	otp_static	staticdevice
32	otp_static	statictoken
\.
COPY django_migrations ("id", "app", "name", "applied") FROM stdin;
1	health	0001_initial	2026-11-20 12:00:00
2	events	0001_initial	2026-11-20 12:00:00
3	events	0002_append_only	2026-11-20 12:00:00
4	events	0003_webhooks	2026-11-20 12:00:00
5	contenttypes	0001_initial	2026-11-20 12:00:00
6	contenttypes	0002_remove_content_type_name	2026-11-20 12:00:00
7	auth	0001_initial	2026-11-20 12:00:00
8	auth	0002_alter_permission_name_max_length	2026-11-20 12:00:00
9	auth	0003_alter_user_email_max_length	2026-11-20 12:00:00
10	auth	0004_alter_user_username_opts	2026-11-20 12:00:00
11	auth	0005_alter_user_last_login_null	2026-11-20 12:00:00
12	auth	0006_require_contenttypes_0002	2026-11-20 12:00:00
13	auth	0007_alter_validators_add_error_messages	2026-11-20 12:00:00
14	auth	0008_alter_user_username_max_length	2026-11-20 12:00:00
15	auth	0009_alter_user_last_name_max_length	2026-11-20 12:00:00
16	auth	0010_alter_group_name_max_length	2026-11-20 12:00:00
17	auth	0011_update_proxy_permissions	2026-11-20 12:00:00
18	auth	0012_alter_user_first_name_max_length	2026-11-20 12:00:00
19	apikeys	0001_initial	2026-11-20 12:00:00
20	apikeys	0002_revocation_is_final	2026-11-20 12:00:00
21	access	0001_roles	2026-11-20 12:00:00
22	admin	0001_initial	2026-11-20 12:00:00
23	admin	0002_logentry_remove_auto_add	2026-11-20 12:00:00
24	admin	0003_logentry_add_action_flag_choices	2026-11-20 12:00:00
25	axes	0001_initial	2026-11-20 12:00:00
26	axes	0002_auto_20151217_2044	2026-11-20 12:00:00
27	axes	0003_auto_20160322_0929	2026-11-20 12:00:00
28	axes	0004_auto_20181024_1538	2026-11-20 12:00:00
29	axes	0005_remove_accessattempt_trusted	2026-11-20 12:00:00
30	axes	0006_remove_accesslog_trusted	2026-11-20 12:00:00
31	axes	0007_alter_accessattempt_unique_together	2026-11-20 12:00:00
32	axes	0008_accessfailurelog	2026-11-20 12:00:00
33	axes	0009_add_session_hash	2026-11-20 12:00:00
34	axes	0010_accessattemptexpiration	2026-11-20 12:00:00
35	console	0001_initial	2026-11-20 12:00:00
36	otp_static	0001_initial	2026-11-20 12:00:00
37	otp_static	0002_throttling	2026-11-20 12:00:00
38	otp_static	0003_add_timestamps	2026-11-20 12:00:00
39	otp_totp	0001_initial	2026-11-20 12:00:00
40	otp_totp	0002_auto_20190420_0723	2026-11-20 12:00:00
41	otp_totp	0003_add_timestamps	2026-11-20 12:00:00
42	sessions	0001_initial	2026-11-20 12:00:00
\.
COPY django_session ("session_key", "session_data", "expire_date") FROM stdin;
\.
COPY events_chainhead ("id", "last_id", "digest") FROM stdin;
1	13	8b5f3b8d0ac1ffc70cbc5ce324b0252c3d4e54c6d4a99be7d059eee040cb6a6b
\.
COPY events_event ("id", "type", "at", "actor", "request_id", "key_id", "data_json", "digest") FROM stdin;
1	KeyIssued	2026-11-20 12:00:00	command:make	request-of-make	lk_k9p34y6n3wd2	{"expires_at":"2126-01-01T00:00:00Z","label":"key root","metadata":{"n":1},"owner":"Zoë","rate_limit":{"burst":5,"per_seconds":60},"scopes":["*"]}	b3c28444613fd16badded5e9e7a629140baa552a7d1e6f5904694671e5c0b7b6
2	KeyIssued	2026-11-20 12:00:00	command:make	request-of-make	lk_5rq4f5zr37e3	{"expires_at":"2126-01-01T00:00:00Z","label":"key rotating","metadata":{"n":1},"owner":"Zoë","rate_limit":{"burst":5,"per_seconds":60},"scopes":[]}	c9cf39cd6e062c8fb0c3b5de402bb662d79a82bbe9d4391eefe5f198df65e7f6
3	KeyIssued	2026-11-20 12:00:00	command:make	request-of-make	lk_p3e2z8iq9y7j	{"expires_at":"2126-01-01T00:00:00Z","label":"key disabled","metadata":{"n":1},"owner":"Zoë","rate_limit":{"burst":5,"per_seconds":60},"scopes":[]}	a8bee851313d1ecea4ee5bee3ebb2bca16f1cc9b02c1c880be43188896ee7d7a
4	KeyIssued	2026-11-20 12:00:00	command:make	request-of-make	lk_zb6cn6z43dvy	{"expires_at":"2126-01-01T00:00:00Z","label":"key revoked","metadata":{"n":1},"owner":"Zoë","rate_limit":{"burst":5,"per_seconds":60},"scopes":["orders:read"]}	399732daac63071f22def6c2f6b5e3d80c845b4ec970a728b992a218558ceca4
5	KeyIssued	2026-11-20 12:00:00	command:make	request-of-make	lk_rkttnjfbf5jx	{"expires_at":"2126-01-01T00:00:00Z","label":"key unlimited","metadata":{"n":1},"owner":"Zoë","rate_limit":null,"scopes":[]}	928f7b1606d3fc029c9856a75c0999b70e703c2e746e1f9a74212a02519c3852
6	HealthChanged	2026-11-20 12:00:00	system	request-of-make		{"component":"unlimited_key","degraded":["unlimited_key"],"detail":"Keys that have no rate limit: lk_rkttnjfbf5jx.","remediation":"Give each of the keys a rate limit, or waive the guard rail for it. See http://localhost:8000/guard-rails/unlimited_key.","status":"degraded"}	40ccf58684471cb013038d6563cca39ca384b4938f1378c707cf612915994dc5
7	KeyRotated	2026-11-21 12:00:00	command:make	request-of-make	lk_5rq4f5zr37e3	{"retiring_secret_ends_at":"2026-12-21T12:00:00Z"}	f61ea389f9c9660a6c5888fd32f32ab471230cdba61e854e3ef892167e3ab093
8	KeyDisabled	2026-11-20 12:00:00	command:make	request-of-make	lk_p3e2z8iq9y7j	{}	802c1e34e0435be95b1b740acb0ec73ede59d290f6e42a55aec28a0db47c0e18
9	KeyRevoked	2026-11-20 12:00:00	command:make	request-of-make	lk_zb6cn6z43dvy	{}	248ba87accadc69c1b532ca461cf2710495cea172f430f2de67f4f4881848446
10	WebhookAdded	2026-11-20 12:00:00	command:make	request-of-make		{"event_types":[],"label":"pager","url":"https://hooks.example","webhook_id":"wh_vlsi47wqal9v"}	a00e170531224b80a89d26c3d76a542a4f967b58b9fb15283975c03ff136fcda
11	WebhookSecretRotated	2026-11-20 12:00:00	command:make	request-of-make		{"retiring_secret_ends_at":"2026-11-21T12:00:00Z","webhook_id":"wh_vlsi47wqal9v"}	cdc053eae294aab9ba99e0414cac4486bd92e30a649ec92df72d2fcc3bf13bfd
12	WaiverGranted	2026-11-20 12:00:00	command:make	request-of-make		{"ends_at":"2027-11-01T00:00:00Z","guard_rail":"unlimited_key","reason":"a load test","waiver":1}	4acb10d491a8db8e88d9dd14a4972e1994fa7683d55d9d15c9ecdd805d680f3b
13	HealthChanged	2026-11-20 12:00:00	system	request-of-make		{"component":"unlimited_key","degraded":[],"detail":"It was: Keys that have no rate limit: lk_rkttnjfbf5jx.","remediation":"","status":"ok"}	8b5f3b8d0ac1ffc70cbc5ce324b0252c3d4e54c6d4a99be7d059eee040cb6a6b
\.
COPY events_patrol ("id", "through_id", "digest", "finished_at", "broken_at", "reason") FROM stdin;
\.
COPY events_seal ("id", "first_id", "last_id", "previous_digest", "digest", "sealed_at", "pepper_id", "signature") FROM stdin;
\.
COPY events_webhookendpoint ("id", "endpoint_id", "url", "label", "event_types", "enabled", "disabled_reason", "created_at", "revision", "salt", "pepper_id", "retiring_salt", "retiring_pepper_id", "retiring_until", "delivered_through", "failures", "failing_since", "next_attempt_at", "last_attempt_at", "last_status", "last_error", "test_requested_at", "tested_at", "last_test") FROM stdin;
1	wh_vlsi47wqal9v	https://hooks.example/latchkey	pager	[]	1		2026-11-20 12:00:00	1	86efde139eeabac37a0dde8ef2d3b192	p2	696cf46b977c090af4e146f6d03110ab	p2	2026-11-21 12:00:00	10	0	\N	\N	\N	\N		\N	\N	\N
\.
COPY health_failureburst ("address", "since", "last_at", "refused") FROM stdin;
\.
COPY health_incident ("id", "guard_rail", "severity", "count", "detail", "opened_at", "opened_by", "closed_at", "closed_by") FROM stdin;
1	unlimited_key	warning	1	Keys that have no rate limit: lk_rkttnjfbf5jx.	2026-11-20 12:00:00	6	2026-11-20 12:00:00	13
\.
COPY health_lease ("name", "holder", "expires_at") FROM stdin;
\.
COPY health_storeoutage ("node", "host", "since", "seen_at") FROM stdin;
\.
COPY health_waiver ("id", "guard_rail", "key_id", "reason", "granted_by", "granted_at", "ends_at", "ended_at", "ended_by") FROM stdin;
1	unlimited_key		a load test	command:make	2026-11-20 12:00:00	2027-11-01 00:00:00	\N	
\.
COPY otp_static_staticdevice ("id", "name", "confirmed", "user_id", "throttling_failure_count", "throttling_failure_timestamp", "created_at", "last_used_at") FROM stdin;
1	recovery codes	1	1	0	\N	2026-11-20 12:00:00	\N
\.
COPY otp_static_statictoken ("id", "token", "device_id") FROM stdin;
1	DUKBIMGFVRVPLBPD	1
\.
COPY otp_totp_totpdevice ("id", "name", "confirmed", "key", "step", "t0", "digits", "tolerance", "drift", "last_t", "user_id", "throttling_failure_count", "throttling_failure_timestamp", "created_at", "last_used_at") FROM stdin;
1	authenticator	1	5978208c9653c453b020ab14f30601830534705c	30	0	6	1	0	-1	1	0	\N	2026-11-20 12:00:00	\N
\.
CREATE INDEX "apikeys_keysecret_key_id_280517e3" ON "apikeys_keysecret" ("key_id");
CREATE TRIGGER apikeys_revocation_is_final BEFORE UPDATE ON apikeys_apikey
        WHEN OLD.revoked_at IS NOT NULL AND NEW.revoked_at IS NOT OLD.revoked_at
        BEGIN SELECT RAISE(ABORT, 'a revocation is final'); END;
CREATE INDEX "apikeys_usage_key_id_a49071ef" ON "apikeys_usage" ("key_id");
CREATE INDEX "apikeys_usagemark_source_id_12bb6f75" ON "apikeys_usagemark" ("source_id");
CREATE INDEX "auth_group_permissions_group_id_b120cbf9" ON "auth_group_permissions" ("group_id");
CREATE UNIQUE INDEX "auth_group_permissions_group_id_permission_id_0cd325b0_uniq" ON "auth_group_permissions" ("group_id", "permission_id");
CREATE INDEX "auth_group_permissions_permission_id_84c5c92e" ON "auth_group_permissions" ("permission_id");
CREATE INDEX "auth_permission_content_type_id_2f476e4b" ON "auth_permission" ("content_type_id");
CREATE UNIQUE INDEX "auth_permission_content_type_id_codename_01ab375a_uniq" ON "auth_permission" ("content_type_id", "codename");
CREATE INDEX "auth_user_groups_group_id_97559544" ON "auth_user_groups" ("group_id");
CREATE INDEX "auth_user_groups_user_id_6a12ed8b" ON "auth_user_groups" ("user_id");
CREATE UNIQUE INDEX "auth_user_groups_user_id_group_id_94350c0c_uniq" ON "auth_user_groups" ("user_id", "group_id");
CREATE INDEX "auth_user_user_permissions_permission_id_1fbb5f2c" ON "auth_user_user_permissions" ("permission_id");
CREATE INDEX "auth_user_user_permissions_user_id_a95ead1b" ON "auth_user_user_permissions" ("user_id");
CREATE UNIQUE INDEX "auth_user_user_permissions_user_id_permission_id_14a6b632_uniq" ON "auth_user_user_permissions" ("user_id", "permission_id");
CREATE INDEX "axes_accessattempt_ip_address_10922d9c" ON "axes_accessattempt" ("ip_address");
CREATE INDEX "axes_accessattempt_user_agent_ad89678b" ON "axes_accessattempt" ("user_agent");
CREATE INDEX "axes_accessattempt_username_3f2d4ca0" ON "axes_accessattempt" ("username");
CREATE UNIQUE INDEX "axes_accessattempt_username_ip_address_user_agent_8ea22282_uniq" ON "axes_accessattempt" ("username", "ip_address", "user_agent");
CREATE INDEX "axes_accessfailurelog_ip_address_2e9f5a7f" ON "axes_accessfailurelog" ("ip_address");
CREATE INDEX "axes_accessfailurelog_user_agent_ea145dda" ON "axes_accessfailurelog" ("user_agent");
CREATE INDEX "axes_accessfailurelog_username_a8b7e8a4" ON "axes_accessfailurelog" ("username");
CREATE INDEX "axes_accesslog_ip_address_86b417e5" ON "axes_accesslog" ("ip_address");
CREATE INDEX "axes_accesslog_user_agent_0e659004" ON "axes_accesslog" ("user_agent");
CREATE INDEX "axes_accesslog_username_df93064b" ON "axes_accesslog" ("username");
CREATE INDEX "console_sentform_sent_at_b89345ad" ON "console_sentform" ("sent_at");
CREATE INDEX "django_admin_log_content_type_id_c4bce8eb" ON "django_admin_log" ("content_type_id");
CREATE INDEX "django_admin_log_user_id_c564eba6" ON "django_admin_log" ("user_id");
CREATE UNIQUE INDEX "django_content_type_app_label_model_76bd3d3b_uniq" ON "django_content_type" ("app_label", "model");
CREATE INDEX "django_session_expire_date_a5c62663" ON "django_session" ("expire_date");
CREATE INDEX "event_key_then_id" ON "events_event" ("key_id", "id");
CREATE INDEX "event_type_then_id" ON "events_event" ("type", "id");
CREATE TRIGGER events_are_not_changed BEFORE UPDATE ON events_event
        BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
CREATE TRIGGER events_are_not_deleted BEFORE DELETE ON events_event
        WHEN OLD.id > COALESCE((SELECT MAX(last_id) FROM events_seal), 0)
        BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
CREATE TRIGGER events_are_not_replaced BEFORE INSERT ON events_event
        WHEN EXISTS (SELECT 1 FROM events_event WHERE id = NEW.id)
        BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
CREATE INDEX "events_event_request_id_4758536c" ON "events_event" ("request_id");
CREATE INDEX "key_by_burst" ON "apikeys_apikey" ("burst");
CREATE INDEX "key_by_expiry" ON "apikeys_apikey" ("expires_at");
CREATE INDEX "key_by_untold_expiry" ON "apikeys_apikey" ("expires_at") WHERE NOT "expiry_told";
CREATE INDEX "key_by_word" ON "apikeys_keyword" ("word", "key_id");
CREATE UNIQUE INDEX "one_open_incident_a_guard_rail" ON "health_incident" ("guard_rail") WHERE "closed_at" IS NULL;
CREATE INDEX "otp_static_staticdevice_user_id_7f9cff2b" ON "otp_static_staticdevice" ("user_id");
CREATE INDEX "otp_static_statictoken_device_id_74b7c7d1" ON "otp_static_statictoken" ("device_id");
CREATE INDEX "otp_static_statictoken_token_d0a51866" ON "otp_static_statictoken" ("token");
CREATE INDEX "otp_totp_totpdevice_user_id_0fb18292" ON "otp_totp_totpdevice" ("user_id");
CREATE TRIGGER seals_are_not_changed BEFORE UPDATE ON events_seal
        BEGIN SELECT RAISE(ABORT, 'seals are append-only'); END;
CREATE TRIGGER seals_are_not_deleted BEFORE DELETE ON events_seal
        BEGIN SELECT RAISE(ABORT, 'seals are append-only'); END;
CREATE TRIGGER seals_follow_each_other BEFORE INSERT ON events_seal
        WHEN NEW.first_id <> COALESCE((SELECT MAX(last_id) FROM events_seal), 0) + 1 OR NEW.last_id < NEW.first_id
            OR EXISTS (SELECT 1 FROM events_seal WHERE id = NEW.id)
        BEGIN SELECT RAISE(ABORT, 'seals are append-only'); END;
CREATE INDEX "secret_by_age" ON "apikeys_keysecret" ("state", "created_at");
CREATE INDEX "usage_by_age" ON "apikeys_usage" ("step", "start");
CREATE INDEX "usage_throttled" ON "apikeys_usage" ("step", "start") WHERE "throttled" > 0;
CREATE INDEX "waiver_by_guard_rail" ON "health_waiver" ("guard_rail", "ends_at");
