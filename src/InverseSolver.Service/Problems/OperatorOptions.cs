namespace InverseSolver.Service.Problems;

/// <summary>Forward models that the operator of the service adds.</summary>
internal sealed class OperatorOptions
{
    /// <summary>The configuration section.</summary>
    public const string Section = "Operators";

    /// <summary>
    /// Folder with TorchScript files for problems of the type <c>torchScript</c>; absent, there are none. A module is code, so the folder must hold trusted
    /// files only.
    /// </summary>
    public string? Folder { get; init; }
}
