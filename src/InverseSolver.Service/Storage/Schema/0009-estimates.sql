-- Times of models' calls: what a call of so many images of this size took on a device, in finished jobs and calibrations. A model is id@hash.
CREATE TABLE call_times (
    model   TEXT    NOT NULL,
    device  TEXT    NOT NULL,
    kind    TEXT    NOT NULL,
    items   INTEGER NOT NULL,
    height  INTEGER NOT NULL,
    width   INTEGER NOT NULL,
    seconds REAL    NOT NULL,
    calls   INTEGER NOT NULL,
    PRIMARY KEY (model, device, kind, items, height, width)
) WITHOUT ROWID;
