-- The blanks between the passage before and this one, so that both can be shown as the document has
-- them. NULL: cut before this was kept.
ALTER TABLE passages ADD COLUMN gap text;
