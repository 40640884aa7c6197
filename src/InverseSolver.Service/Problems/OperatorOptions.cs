namespace InverseSolver.Service.Problems;

/// <summary>Forward models that the one who runs the service adds.</summary>
internal sealed class OperatorOptions
{
    /// <summary>The configuration section.</summary>
    public const string Section = "Operators";

    /// <summary>Folder with TorchScript files for problems of the type <c>torchScript</c>; absent, there are none. A module is code: only files that are trusted belong there.</summary>
    public string? Folder { get; init; }
}
