namespace InverseSolver.Reconstruction;

/// <summary>Input that cannot be solved as asked. Its text is shown to the caller and holds no path and no patient data.</summary>
/// <param name="field">The offending field as the caller wrote it, for example <c>problem.mask.fraction</c>.</param>
/// <param name="message">What is wrong with it, and which values are right.</param>
public sealed class InvalidInputException(string field, string message) : Exception(message)
{
    /// <summary>The code of a file that cannot be read, or does not belong to the problem.</summary>
    public const string InvalidFile = "invalidFile";

    /// <summary>The code of input that is right, and larger than its reader takes.</summary>
    public const string LimitExceeded = "limitExceeded";

    /// <summary>The offending field, in JSON notation from the root of the request.</summary>
    public string Field { get; } = field;

    /// <summary>A stable word for the kind of fault, which programs tell errors apart by.</summary>
    public string Code { get; init; } = "invalidInput";

    /// <summary>Further faults of the same input.</summary>
    public IReadOnlyList<InvalidInputException> Others { get; init; } = [];

    /// <summary>Throws the first of several faults, with the others in it; nothing where there is none.</summary>
    internal static void ThrowAll(IReadOnlyList<InvalidInputException> faults)
    {
        if (faults.Count == 0) return;
        InvalidInputException first = faults[0];
        throw faults.Count == 1 ? first : new InvalidInputException(first.Field, first.Message) { Code = first.Code, Others = [.. faults.Skip(1)] };
    }
}
