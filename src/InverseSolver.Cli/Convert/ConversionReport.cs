namespace InverseSolver.Cli.Convert;

/// <summary>One thing that a conversion settled.</summary>
/// <param name="Name">What.</param>
/// <param name="Value">How.</param>
/// <param name="Source">Where that comes from: an option, the config, the checkpoint, its shapes, or <c>assumed: </c> and the kind of model.</param>
internal sealed record ConversionFinding(string Name, string Value, string Source);

/// <summary>What a conversion read, settled and wrote.</summary>
/// <param name="Id">The package's id.</param>
/// <param name="Source">The checkpoint's file name.</param>
/// <param name="SourceSha256">Its SHA-256.</param>
/// <param name="Weights">ema or raw.</param>
/// <param name="Findings">What was settled, and whence.</param>
/// <param name="LeftOut">First names of tensors that are no part of a package, and how many of each.</param>
/// <param name="Missing">What the package still lacks before it can solve; null when nothing.</param>
internal sealed record ConversionReport(
    string Id, string Source, string SourceSha256, string Weights, IReadOnlyList<ConversionFinding> Findings, IReadOnlyDictionary<string, int> LeftOut, string? Missing);
