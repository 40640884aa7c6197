namespace InverseSolver.Torch;

/// <summary>A call into libtorch failed; the text is PyTorch's own where it comes from there.</summary>
public class NativeException(string message) : Exception(message);

/// <summary>There was not enough memory on the host or the device.</summary>
public sealed class NativeOutOfMemoryException(string message) : NativeException(message);

/// <summary>This libtorch, or this build of the native library, does not have what was asked for.</summary>
public sealed class NativeUnsupportedException(string message) : NativeException(message);
