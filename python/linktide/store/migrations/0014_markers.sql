-- Points of the markers of toxicity as the user has them; a marker without a row here has ours.
CREATE TABLE internal.marker_points (marker VARCHAR NOT NULL, points UBIGINT NOT NULL, file_name VARCHAR NOT NULL);
