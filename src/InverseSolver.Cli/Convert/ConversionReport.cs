namespace InverseSolver.Cli.Convert;

/// <summary>One thing that a conversion settled.</summary>
/// <param name="Name">What.</param>
/// <param name="Value">How.</param>
/// <param name="Source">The source of the value: an option, the config, the checkpoint, its shapes, or <c>assumed: </c> and the kind of model.</param>
internal sealed record ConversionFinding(string Name, string Value, string Source);

/// <summary>The report of a conversion.</summary>
/// <param name="Id">The package's id.</param>
/// <param name="Source">The checkpoint's file name.</param>
/// <param name="SourceSha256">Its SHA-256.</param>
/// <param name="Weights">ema or raw.</param>
/// <param name="Findings">The settings with their sources.</param>
/// <param name="LeftOut">First names of tensors that were left out, with the number of each.</param>
/// <param name="Missing">The part that the package still lacks before it can be used; null where none.</param>
internal sealed record ConversionReport(
    string Id, string Source, string SourceSha256, string Weights, IReadOnlyList<ConversionFinding> Findings, IReadOnlyDictionary<string, int> LeftOut,
    string? Missing);
