namespace InverseSolver.Cli;

/// <summary>One row of a contact sheet.</summary>
/// <param name="Label">What is written to the left of it.</param>
/// <param name="Tiles">One per column; null leaves a gap.</param>
internal sealed record ContactSheetRow(string Label, IReadOnlyList<ContactSheetTile?> Tiles);
