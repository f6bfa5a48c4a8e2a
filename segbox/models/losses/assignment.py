"""Assignment of rows to columns by shortest augmenting paths (Jonker and Volgenant, https://doi.org/10.1007/BF02278710)."""

import numpy as np


def assignment(costs: np.ndarray) -> np.ndarray:
    """R C, finite -> for each row a column of its own, so that the sum of the costs is the smallest.

    With more rows than columns, -1 for the rows that are left over.
    """
    if len(costs) <= costs.shape[1]:
        return columns_of_rows(costs.astype(np.float64))
    rows = columns_of_rows(costs.T.astype(np.float64))
    columns = np.full(len(costs), -1)
    columns[rows] = np.arange(len(rows))
    return columns


def columns_of_rows(costs: np.ndarray) -> np.ndarray:
    """Each row takes its cheapest column; where that is taken, the shortest path to a free one, on which others change
    theirs."""
    rows, columns = costs.shape
    price_of_row, price_of_column = costs.min(axis=1, initial=np.inf), np.zeros(columns)
    column_of, row_of = np.full(rows, -1), np.full(columns, -1)
    for row, column in enumerate(costs.argmin(axis=1) if rows else ()):
        if row_of[column] < 0:
            row_of[column], column_of[row] = row, column
    for new in np.flatnonzero(column_of < 0):
        distance, before, ahead = np.full(columns, np.inf), np.full(columns, -1), np.zeros(columns)
        row, length, path, seen = new, 0.0, [], []
        while row >= 0:  # until a column is free
            path.append(row)
            through = costs[row] - price_of_column + (length - price_of_row[row]) + ahead
            is_nearer = through < distance
            distance[is_nearer], before[is_nearer] = through[is_nearer], row
            column = int((distance + ahead).argmin())
            length, row = distance[column], row_of[column]
            ahead[column] = np.inf  # seen
            seen.append(column)
        price_of_row[path] += length - np.append(0.0, distance[seen[:-1]])
        price_of_column[seen] -= length - distance[seen]
        while row != new:
            row = row_of[column] = before[column]
            column_of[row], column = column, column_of[row]
    return column_of
