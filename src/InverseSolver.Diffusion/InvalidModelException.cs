namespace InverseSolver.Diffusion;

/// <summary>A model's file that cannot be used. Its text names the file and the tensor or option, never a folder of this machine.</summary>
/// <param name="message">The fault.</param>
/// <param name="inner">The parser's exception, if any.</param>
public sealed class InvalidModelException(string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>A name from a file, made fit for a message: printable and short.</summary>
    internal static string Quote(string name)
    {
        string text = name.Length <= 120 ? name : name[..120] + "…";
        return "'" + string.Concat(text.Select(c => char.IsControl(c) || char.IsSurrogate(c) ? '?' : c)) + "'";
    }
}
