-- The services' login, which owns nothing and may take their roles (see docs/permissions.md); the migration gives the roles
-- their rights. The image of PostgreSQL reads it once, when the volume is empty.
\getenv password LOGIN_PASSWORD
CREATE ROLE christmas_service_integrator;
CREATE ROLE christmas_service_scheduler;
CREATE ROLE christmas_service_server;
CREATE ROLE christmas_spider_integrator;
CREATE ROLE christmas_spider_integrator_browser;
CREATE ROLE christmas_spider_auditor;
CREATE ROLE christmas_spider_auditor_browser;
CREATE ROLE christmas LOGIN PASSWORD :'password' IN ROLE
  christmas_service_integrator, christmas_service_scheduler, christmas_service_server,
  christmas_spider_integrator, christmas_spider_integrator_browser,
  christmas_spider_auditor, christmas_spider_auditor_browser;
GRANT CONNECT ON DATABASE christmas TO christmas;
