using System.Runtime.InteropServices;
using System.Text.RegularExpressions;

namespace InverseSolver.Torch;

/// <summary>
/// Errors of libtorch. TorchSharp throws each as an <see cref="ExternalException"/> whose text continues with thousands of characters of C++ frames.
/// </summary>
public static partial class Errors
{
    // The CPU's allocator, the GPU's, and cuDNN, cuBLAS and cuFFT without workspace.
    private static readonly string[] OutOfMemory =
        ["not enough memory", "can't allocate memory", "out of memory", "CUBLAS_STATUS_ALLOC_FAILED", "CUDNN_STATUS_ALLOC_FAILED", "CUFFT_ALLOC_FAILED"];

    extension(Exception error)
    {
        /// <summary>True where it comes from libtorch. Exceptions of sockets and of the operating system derive from the same class.</summary>
        public bool IsFromTorch => error.GetType() == typeof(ExternalException);

        /// <summary>True where there was not enough memory on the host or the device.</summary>
        public bool IsOutOfMemory => error is OutOfMemoryException
            || (error.IsFromTorch && OutOfMemory.Any(text => error.FirstLine.Contains(text, StringComparison.OrdinalIgnoreCase)));

        /// <summary>A library's own words: the first line, or of an error with a traceback, as in a TorchScript module, the line that names it.</summary>
        public string FirstLine
        {
            get
            {
                string[] lines = error.Message.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
                string line = Array.FindLast(lines, NamesAnError().IsMatch) ?? lines.FirstOrDefault("");
                // .NET names the argument of its own method.
                int at = line.IndexOf(" (Parameter '", StringComparison.Ordinal);
                return at < 0 ? line : line[..at];
            }
        }
    }

    // "RuntimeError: ...", but not "frame #0: c10::Error::Error(...".
    [GeneratedRegex(@"^[\w.]*Error: ")]
    private static partial Regex NamesAnError();
}
