-- year.sql with usage in each hour of the year: 8,760 hours to settle instead of 365.
\set year_hours 24
\ir year.sql
