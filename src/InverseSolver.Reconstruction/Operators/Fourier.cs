using System.Runtime.InteropServices;

namespace InverseSolver.Reconstruction.Operators;

/// <summary>Convolution by Fourier transforms, and the centred transform of MRI.</summary>
internal static class Fourier
{
    private static readonly long[] Plane = [-2, -1];

    /// <summary>
    /// The half spectrum, complex float64, of a kernel with its centre (rows / 2, columns / 2) at the origin, folded where it is larger than the image.
    /// </summary>
    public static Tensor Transfer(double[,] kernel, long height, long width)
    {
        var origin = new double[height, width];
        long rows = kernel.GetLength(0), columns = kernel.GetLength(1);
        for (long i = 0; i < rows; i++)
        {
            for (long j = 0; j < columns; j++)
            {
                long row = Borders.Fold(i - (rows / 2), height, Problems.Boundary.Circular);
                long column = Borders.Fold(j - (columns / 2), width, Problems.Boundary.Circular);
                origin[row, column] += kernel[i, j];
            }
        }
        return torch.fft.rfft2(Matrix(origin));
    }

    /// <summary>The real images (…, height, width) whose half spectrum is that of x times the filter.</summary>
    public static Tensor Filter(Tensor x, Tensor filter, long height, long width) =>
        torch.fft.irfft2(torch.fft.rfft2(x) * filter, [height, width]);

    /// <summary>The next size from <paramref name="size"/> on without a prime factor above 5, which transforms fast.</summary>
    public static long FastSize(long size)
    {
        for (long fast = size; ; fast++)
        {
            long rest = fast;
            foreach (long prime in (ReadOnlySpan<long>)[2, 3, 5])
            {
                while (rest % prime == 0) rest /= prime;
            }
            if (rest == 1) return fast;
        }
    }

    /// <summary>Orthonormal transform of the last two dimensions with position and frequency 0 at size / 2.</summary>
    public static Tensor Centred(Tensor x) =>
        torch.fft.fftshift(torch.fft.fft2(torch.fft.ifftshift(x, Plane), norm: FFTNormType.Ortho), Plane);

    /// <summary>The inverse of <see cref="Centred"/>, which is its adjoint.</summary>
    public static Tensor CentredInverse(Tensor k) =>
        torch.fft.fftshift(torch.fft.ifft2(torch.fft.ifftshift(k, Plane), norm: FFTNormType.Ortho), Plane);

    /// <summary>A float64 matrix on the CPU.</summary>
    public static Tensor Matrix(double[,] matrix) =>
        torch.copy_of(MemoryMarshal.CreateReadOnlySpan(ref matrix[0, 0], matrix.Length), [matrix.GetLength(0), matrix.GetLength(1)]);
}
