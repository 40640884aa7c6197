using System.Runtime.InteropServices;

namespace InverseSolver.Imaging.Interop;

/// <summary>Bytes that the native library allocated.</summary>
internal sealed class BytesHandle() : SafeHandle(IntPtr.Zero, ownsHandle: true)
{
    public override bool IsInvalid => handle == IntPtr.Zero;

    internal unsafe byte[] ToArray()
    {
        Native.Check(Native.inv_bytes_size(this, out long size));
        byte[] copy = new byte[size];
        fixed (byte* destination = copy) Native.Check(Native.inv_bytes_copy(this, destination, size));
        return copy;
    }

    protected override bool ReleaseHandle()
    {
        Native.inv_bytes_free(handle);
        return true;
    }
}
