-- Keeps the number for another script.
SELECT 1;
