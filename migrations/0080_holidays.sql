-- Which days of a year are public holidays, and which weekend days are worked for them. A year that is not here is
-- not known.
CREATE TABLE holiday_years (
    year        integer PRIMARY KEY CHECK (year BETWEEN 2000 AND 2100),
    source      text NOT NULL CHECK (source <> ''),
    imported_by text NOT NULL CHECK (imported_by <> ''),
    -- Nothing where it came with the product.
    imported_at timestamptz
);

CREATE TABLE holidays (
    day     date PRIMARY KEY,
    year    integer NOT NULL REFERENCES holiday_years,
    workday boolean NOT NULL,
    name    text NOT NULL CHECK (name <> ''),
    CONSTRAINT a_day_is_of_its_year CHECK (year = EXTRACT(year FROM day)),
    CONSTRAINT only_weekends_make_up CHECK (NOT workday OR EXTRACT(isodow FROM day) > 5)
);
CREATE INDEX holidays_by_year ON holidays (year);
